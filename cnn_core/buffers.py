"""Large arrays, allocated once per shape and handed out again once nobody holds them.

A training step asks for the same shapes every time. Fresh memory costs a page fault every 4 KiB, which for a small
network is as dear as the arithmetic. A buffer never shrinks or frees while its layer lives.
"""

import sys
import threading

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array

_KEPT_PER_SHAPE = 4
_probe = [np.empty(0)]
_UNSHARED = sys.getrefcount(_probe[0])  # the count of an array that only its list holds


class Buffers:
    """A pool of arrays, told apart by role, shape and dtype.

    An array is reused only when the pool alone refers to it, directly or through a view, so a caller who keeps a result
    never sees it change. CPython's reference counts make that test exact.

    >>> buffers = Buffers()
    >>> first = buffers.empty("y", (2, 3), np.float32)
    >>> buffers.empty("y", (2, 3), np.float32) is first
    False
    >>> address = id(first)
    >>> del first
    >>> id(buffers.empty("y", (2, 3), np.float32)) == address
    True
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, tuple[int, ...], np.dtype[np.generic]], list[Array]] = {}
        self._lock = threading.Lock()

    def empty(self, role: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """An array of this shape with arbitrary content."""
        return self._take(role, shape, np.dtype(dtype), zeroed=False)

    def zeros(self, role: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """An array that held zeros when it was allocated.

        Who writes the same elements each time finds the others still zero: a border of padding is cleared once, not
        at every step. Hence a role must always write the same elements of a shape.
        """
        return self._take(role, shape, np.dtype(dtype), zeroed=True)

    def _take(self, role: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], *, zeroed: bool) -> Array:
        with self._lock:
            arrays = self._arrays.setdefault((role, shape, dtype), [])
            for i in range(len(arrays)):
                if sys.getrefcount(arrays[i]) == _UNSHARED:
                    return arrays[i]
            array: Array = np.zeros(shape, dtype) if zeroed else np.empty(shape, dtype)
            if len(arrays) < _KEPT_PER_SHAPE:
                arrays.append(array)
            return array
