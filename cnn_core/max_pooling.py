"""The largest element of every window of batch-last images, and the way back to it.

These functions know no parameters and keep nothing; letters as in `cnn_core.layout`.
"""

import numpy as np

from cnn_core.buffers import Buffers
from cnn_core.layout import Array
from cnn_core.parallel import blocks, for_each
from cnn_core.windows import Side, taps


def max_pool(x: Array, rows: Side, columns: Side, *, marked: bool, buffers: Buffers) -> tuple[Array, Array | None]:
    """y[p, c, q, n] = max over i, j of x[p·sh + i, c, q·sw + j, n].

    Args:
        x: `(H, C, W, N)`.
        rows: how the window moves down; without padding or dilation.
        columns: how it moves right.
        marked: whether to mark where the largest elements are.
        buffers: where the memory comes from.

    Returns:
        y, `(P, C, Q, N)`, and for each tap but the first in reading order whether it is larger than all before it,
        `(kh·kw − 1, P, C, Q, N)`.
    """
    height, channels, width, n = x.shape
    y = buffers.empty((rows.positions(height), channels, columns.positions(width), n), x.dtype)
    first, *others = taps(x, rows, columns)
    larger = buffers.empty((len(others), *y.shape), np.bool_) if marked else None

    def block(part: slice) -> None:
        largest = first[part]
        for k, other in enumerate(others):
            if larger is not None:
                np.greater(other[part], largest, out=larger[k, part])
            largest = np.maximum(largest, other[part], out=y[part])
        if not others:
            y[part] = largest

    for_each(block, blocks(len(y), x.nbytes // len(y)), work=3 * x.nbytes)
    return y, larger


def max_pool_gradient(dy: Array, larger: Array, rows: Side, columns: Side, *, out: Array, buffers: Buffers) -> None:
    """dx = dy at the first largest element of each window, summed where windows overlap, else 0.

    Args:
        dy: `(P, C, Q, N)`.
        larger: as from `max_pool`.
        rows: how the window moves down.
        columns: how it moves right.
        out: dx, `(H, C, W, N)`.
        buffers: where the memory comes from.
    """
    first, *others = taps(out, rows, columns)
    disjoint = rows.stride >= rows.kernel and columns.stride >= columns.kernel
    if not disjoint or first.size * (len(others) + 1) < out.size:
        out[...] = 0

    def block(part: slice) -> None:
        rest, share = (buffers.empty(dy[part].shape, dy.dtype) for _ in range(2))
        source = dy[part]
        for k, other in reversed(list(enumerate(others))):
            share[...] = larger[k, part]  # multiplying by numbers is faster than by truth values
            np.multiply(source, share, out=share)
            source = np.subtract(source, share, out=rest)
            _give(share, other[part], alone=disjoint)
        _give(source, first[part], alone=disjoint)

    parts = blocks(len(dy), out.nbytes // len(dy)) if disjoint else [slice(len(dy))]
    for_each(block, parts, work=4 * out.nbytes)


def _give(share: Array, target: Array, *, alone: bool) -> None:
    """Write what no other window writes to; add what others may."""
    if alone:
        target[...] = share
    else:
        np.add(target, share, out=target)
