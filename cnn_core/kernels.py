"""Correlation of batch-last arrays and its derivatives, as GEMMs over blocks of output rows.

The columns (im2col) of a block of rows are gathered, multiplied and forgotten while they are in the cache; gathering
them again in the backward pass costs no more than keeping them would. These functions know no parameters and keep
nothing; letters as in `cnn_core.layout`.
"""

import numpy as np

from cnn_core.buffers import Buffers
from cnn_core.layout import Array, output_size
from cnn_core.parallel import for_each, slices

_BLOCK_BYTES = 2**19  # columns of a block: half of a usual L2 cache


def correlate(x: Array, w: Array, stride: tuple[int, int], *, bias: Array | None, out: Array, buffers: Buffers) -> None:
    """y[o, p, q, n] = Σ w[o, c, i, j] · x[c, p·sh + i, q·sw + j, n] + bias[o].

    Args:
        x: `(C, H, W, N)`, already padded.
        w: `(O, C, kh, kw)`.
        stride: (sh, sw).
        bias: `(O,)`.
        out: y, `(O, P, Q, N)`, contiguous.
        buffers: where the columns' memory comes from.
    """
    windows = _windows(x, w.shape[2:], stride)  # (C, kh, kw, P, Q, N)
    matrix = w.reshape(len(w), -1)  # (O, C, kh, kw) → (O, K)

    def block(rows: slice) -> None:
        y = out[:, rows].reshape(len(w), -1, copy=False)  # (O, R, Q, N) → (O, R·Q·N)
        np.matmul(matrix, _columns(windows[:, :, :, rows], buffers), out=y)
        if bias is not None:
            y += bias[:, None]

    for_each(block, _row_blocks(windows))


def correlate_weight_gradient(x: Array, dy: Array, stride: tuple[int, int], *, out: Array, buffers: Buffers) -> None:
    """dw[o, c, i, j] = Σ x[c, p·sh + i, q·sw + j, n] · dy[o, p, q, n], summed over p, q, n.

    Args:
        x: `(C, H, W, N)`, already padded.
        dy: `(O, P, Q, N)`.
        stride: (sh, sw).
        out: dw, `(O, C, kh, kw)`.
        buffers: where the columns' memory comes from.
    """
    windows = _windows(x, out.shape[2:], stride)  # (C, kh, kw, P, Q, N)
    blocks = _row_blocks(windows)
    terms = buffers.empty("terms", (len(blocks), out[0].size, len(out)), dy.dtype)  # (blocks, K, O)

    def block(numbered: tuple[int, slice]) -> None:
        number, rows = numbered
        dy_rows = dy[:, rows].reshape(len(out), -1)  # (O, R, Q, N) → (O, R·Q·N)
        np.matmul(_columns(windows[:, :, :, rows], buffers), dy_rows.T, out=terms[number])

    for_each(block, list(enumerate(blocks)))
    dw = terms.sum(axis=0)  # in the order of the blocks, whichever thread computed them
    out[...] = dw.T.reshape(out.shape)  # (O, K) → (O, C, kh, kw)


def correlate_input_gradient(
    dy: Array,
    w: Array,
    stride: tuple[int, int],
    padding: tuple[int, int],
    *,
    out: Array,
    buffers: Buffers,
) -> None:
    """dx = dy, spread out by the stride and padded, correlated with the turned kernel.

    dx[c, h] = Σ w[o, c, i] · dy[o, p] over all p·s + i = h + padding: the correlation with the turned kernel of an
    array that holds dy[p] at position p·s + k − 1 − padding and zeros elsewhere. Every output element is gathered,
    none is scattered to, so blocks of rows never meet.

    Args:
        dy: `(O, P, Q, N)`.
        w: `(O, C, kh, kw)`.
        stride: (sh, sw) of the forward correlation.
        padding: (ph, pw) of its input.
        out: dx, `(C, H, W, N)`, contiguous, without the padding.
        buffers: where the memory comes from.
    """
    o, _, kh, kw = w.shape
    _, height, width, count = out.shape
    spread = buffers.zeros("spread", (o, height + kh - 1, width + kw - 1, count), dy.dtype)
    rows, dy_rows = _spread(dy.shape[1], kh, stride[0], padding[0], spread.shape[1])
    columns, dy_columns = _spread(dy.shape[2], kw, stride[1], padding[1], spread.shape[2])
    spread[:, rows, columns] = dy[:, dy_rows, dy_columns]
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))  # (C, O, kh, kw)
    correlate(spread, turned, (1, 1), bias=None, out=out, buffers=buffers)


def pad(x: Array, padding: tuple[int, int], buffers: Buffers) -> Array:
    """Surround `(C, H, W, N)` by zeros: ph rows above and below, pw columns left and right."""
    ph, pw = padding
    if ph == pw == 0:
        return x
    c, h, w, n = x.shape
    padded = buffers.zeros("padded", (c, h + 2 * ph, w + 2 * pw, n), x.dtype)
    padded[:, ph : ph + h, pw : pw + w] = x
    return padded


def _windows(x: Array, kernel: tuple[int, ...], stride: tuple[int, int]) -> Array:
    """All windows as one view: `(C, H, W, N)` → `(C, kh, kw, P, Q, N)`."""
    (kh, kw), (sh, sw) = kernel, stride
    c, h, w, n = x.shape
    p, q = output_size(h, kh, sh, 0), output_size(w, kw, sw, 0)
    sc, s_row, s_column, sn = x.strides
    return np.lib.stride_tricks.as_strided(
        x, (c, kh, kw, p, q, n), (sc, s_row, s_column, sh * s_row, sw * s_column, sn), writeable=False
    )


def _columns(windows: Array, buffers: Buffers) -> Array:
    """Copy windows into a matrix: `(C, kh, kw, R, Q, N)` → `(K, R·Q·N)`."""
    columns = buffers.empty("columns", windows.shape, windows.dtype)
    columns[...] = windows
    return columns.reshape(columns.shape[0] * columns.shape[1] * columns.shape[2], -1)


def _row_blocks(windows: Array) -> list[slice]:
    """Cut the output rows into blocks whose columns fit the cache, one row at least."""
    rows = windows.shape[3]
    bytes_per_row = windows.size // rows * windows.itemsize
    return slices(rows, max(1, _BLOCK_BYTES // max(1, bytes_per_row)))


def _spread(length: int, kernel: int, stride: int, padding: int, room: int) -> tuple[slice, slice]:
    """Where the elements of dy go along one side, and which of them: p ↦ p·stride + kernel − 1 − padding.

    Elements that only ever saw padding fall outside the room and are left out.
    """
    shift = kernel - 1 - padding
    first = max(0, -(shift // stride))  # ⌈−shift / stride⌉
    stop = min(length, (room - 1 - shift) // stride + 1)
    start = first * stride + shift
    return slice(start, start + (stop - first - 1) * stride + 1, stride), slice(first, stop)
