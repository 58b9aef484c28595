"""Memory for large arrays, allocated once and handed out again as soon as nobody holds it.

A training step asks for the same sizes every time. Fresh memory costs a page fault every 4 KiB, which for a small
network is as dear as the arithmetic; memory that was just in use is still in the cache. A pool never shrinks while its
network lives, but what one layer is done with serves others, for arrays of their sizes.
"""

import math
import sys
import threading
from bisect import bisect_left, bisect_right, insort
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array

_ALIGNMENT = 64  # bytes: a cache line and the widest vector register
_KEPT_PER_SIZE = 64  # more than a network of this kind has layers
_LARGER = 2  # times the array's size, a block may be
_probe = [np.empty(0)]
_UNSHARED = sys.getrefcount(_probe[0])  # the count of an array that only its list holds


class Buffers:
    """A pool of memory that all layers of a network share: an array gets the smallest block that is free and fits.

    A block may be twice as large as the array at most; else small arrays would keep large blocks from large arrays.

    Memory is reused only when the pool alone refers to it, so a caller who keeps a result or a view of it never sees it
    change. CPython's reference counts make that test exact.

    >>> buffers = Buffers()
    >>> first = buffers.empty((2, 3), np.float32)
    >>> second = buffers.empty((2, 3), np.float32)
    >>> np.shares_memory(first, second)
    False
    >>> address = first.ctypes.data
    >>> del first
    >>> buffers.empty((3, 2), np.int32).ctypes.data == address
    True
    """

    def __init__(self) -> None:
        self._blocks: dict[int, list[Array]] = {}  # by size
        self._sizes: list[int] = []  # in order
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """An array of this shape with arbitrary content."""
        dtype = np.dtype(dtype)
        with self._lock:
            block = self._unshared_block(math.prod(shape) * dtype.itemsize)
            return _aligned(block, shape, dtype)

    def contiguous(self, x: Array) -> Array:
        """The array where its elements lie in the order of its axes, else a copy that does; its strides say so too.

        NumPy calls memory contiguous whatever the stride along a side of one is, but views made from strides need that
        one as well.
        """
        if x.flags.c_contiguous:
            return x.reshape(-1).reshape(x.shape)
        copy = self.empty(x.shape, x.dtype)
        copy[...] = x
        return copy

    def _unshared_block(self, size: int) -> Array:
        first = bisect_left(self._sizes, size)
        for index in range(first, bisect_right(self._sizes, _LARGER * size, lo=first)):
            blocks = self._blocks[self._sizes[index]]
            for i in range(len(blocks)):
                if sys.getrefcount(blocks[i]) == _UNSHARED:
                    return blocks[i]
        return self._new_block(size)

    def _new_block(self, size: int) -> Array:
        if size not in self._blocks:
            self._blocks[size] = []
            insort(self._sizes, size)
        block = np.empty((size + _ALIGNMENT,), np.uint8)
        if len(self._blocks[size]) < _KEPT_PER_SIZE:
            self._blocks[size].append(block)
        return block


def aligned_copy(x: Array) -> Array:
    """A copy that begins where a cache line does: arithmetic on it is up to twice as fast."""
    copy = _aligned(np.empty((x.nbytes + _ALIGNMENT,), np.uint8), x.shape, x.dtype)
    copy[...] = x
    return copy


def _aligned(block: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array in a block of its size and `_ALIGNMENT` bytes more."""
    return np.ndarray(shape, dtype, buffer=block, offset=-block.__array_interface__["data"][0] % _ALIGNMENT)
