"""Correlation of images with kernels, and its derivatives: one GEMM an output row.

The input is unrolled along the width only: each of the kw taps gets a copy of the rows, shifted. As the rows lie
outermost in memory, the kh rows that an output row needs are then one matrix already, and neighbouring output rows
share what they have in common. That is kh times less copying than the columns of im2col. These functions know no
parameters and keep nothing; letters as in `cnn_core.layout`, C' = C/G and O' = O/G.
"""

from functools import cache
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnn_core.buffers import Buffers
from cnn_core.layout import Array
from cnn_core.parallel import blocks, for_each, slices
from cnn_core.windows import Side


class Kernel(NamedTuple):
    """How a kernel moves over an image."""

    rows: Side
    columns: Side
    groups: int = 1


class Unrolled:
    """An input unrolled along its width: u[g, h, j, c, q, n] = x[h − top, g·C' + c, q·sw + j·dw − left, n].

    Rows that a dilated kernel sees together lie together: row h is at `[h mod dh, h div dh]`.
    """

    def __init__(self, x: Array, kernel: Kernel, buffers: Buffers) -> None:
        """Unroll x, `(H, C, W, N)`; a kernel of one tap that leaves no column out needs no copy."""
        self.kernel = kernel
        self.output_rows = kernel.rows.positions(x.shape[0])
        if kernel == Kernel(Side(1, kernel.rows.stride), Side(1)) and x.flags.c_contiguous:
            self._array = buffers.contiguous(x)[None, None, :, None]  # (H, C, W, N) → (G, 1, H, kw, C', W, N)
        else:
            self._array = self._unroll(x, buffers)

    def _unroll(self, x: Array, buffers: Buffers) -> Array:
        (rows, columns, groups), (height, channels, width, n) = self.kernel, x.shape
        seen = (self.output_rows - 1) * rows.stride + rows.span  # padded rows that any window sees
        quotients = -(-seen // rows.dilation)
        row_shape = (columns.kernel, channels // groups, columns.positions(width), n)
        u = buffers.empty((groups, rows.dilation, quotients, *row_shape), x.dtype)
        source = x.reshape(height, groups, -1, width, n).swapaxes(0, 1)  # (H, C, W, N) → (G, H, C', W, N)
        reaches = [columns.reach(j, width) for j in range(columns.kernel)]

        def fill(part: tuple[int, slice]) -> None:
            remainder, block = part
            first, stop = block.start * rows.dilation + remainder, block.stop * rows.dilation + remainder
            target = u[:, remainder, block]  # (G, rows, kw, C', Q, N)
            inside = range(first - rows.before, min(stop, seen) - rows.before, rows.dilation)
            above = sum(h < 0 for h in inside)
            known = [h for h in inside if 0 <= h < height]
            target[:, :above] = 0
            target[:, above + len(known) :] = 0
            target = target[:, above : above + len(known)]
            if known:
                lines = source[:, known[0] : known[-1] + 1 : rows.dilation]
                for j, (positions, elements) in enumerate(reaches):
                    target[:, :, j, :, : positions.start] = 0
                    target[:, :, j, :, positions] = lines[:, :, :, elements]
                    target[:, :, j, :, positions.stop :] = 0

        parts = blocks(quotients, u[:, 0, 0].nbytes)
        for_each(fill, [(remainder, part) for remainder in range(rows.dilation) for part in parts], work=2 * u.nbytes)
        return u

    def blocks(self, result_row_bytes: int) -> list[slice]:
        """The output rows, cut into blocks whose windows are one view."""
        if self.kernel.rows.stride % self.kernel.rows.dilation:
            return slices(self.output_rows, 1)
        return blocks(self.output_rows, self._array[:, 0, 0].nbytes + result_row_bytes)

    def windows(self, block: slice) -> Array:
        """All that these output rows see, a matrix a row and group: `(R, G, kh·kw·C', Q·N)`, a view."""
        rows, u = self.kernel.rows, self._array
        groups, _, _, kw, c, q, n = u.shape
        quotient, remainder = divmod(block.start * rows.stride, rows.dilation)
        start = u[:, remainder, quotient:]
        strides = (rows.stride // rows.dilation * u.strides[2], u.strides[0], u.strides[4], u.strides[6])
        shape = (block.stop - block.start, groups, rows.kernel * kw * c, q * n)
        return as_strided(start, shape, strides, writeable=False)


def correlate(x: Unrolled, w: Array, bias: Array | None, *, out: Array, buffers: Buffers) -> None:
    """y[p, o, q, n] = Σ w[o, c, i, j] · x[p·sh + i·dh − top, c, q·sw + j·dw − left, n] + bias[o].

    Args:
        x: the input, unrolled.
        w: `(O, C', kh, kw)`.
        bias: `(O,)`, if any.
        out: y, `(P, O, Q, N)`, contiguous.
        buffers: where the memory comes from.
    """
    (o, c, kh, kw), groups = w.shape, x.kernel.groups
    turned = buffers.empty((o, kh, kw, c), w.dtype)
    turned[...] = w.transpose(0, 2, 3, 1)
    matrices = turned.reshape(groups, o // groups, -1)  # (O, kh, kw, C') → (G, O', kh·kw·C')
    products = out.reshape(len(out), groups, o // groups, -1, copy=False)  # (P, O, Q, N) → (P, G, O', Q·N)

    def multiply(block: tuple[Array, Array]) -> None:
        windows, product = block
        np.matmul(matrices, windows, out=product)
        if shift is not None:
            np.add(product, shift, out=product)

    shift = None if bias is None else bias.reshape(groups, -1, 1)
    blocks = [(x.windows(rows), products[rows]) for rows in x.blocks(out[0].nbytes)]
    for_each(multiply, blocks, work=w[0].size * out.size / 2 + out.nbytes)


def correlate_weight_gradient(x: Unrolled, dy: Array, *, out: Array, buffers: Buffers) -> None:
    """dw[o, c, i, j] = Σ x[p·sh + i·dh − top, c, q·sw + j·dw − left, n] · dy[p, o, q, n], summed over p, q, n.

    Args:
        x: the input, unrolled.
        dy: `(P, O, Q, N)`, contiguous.
        out: dw, `(O, C', kh, kw)`.
        buffers: where the memory comes from.
    """
    (o, c, kh, kw), groups = out.shape, x.kernel.groups
    terms = buffers.empty((x.output_rows, groups, kh * kw * c, o // groups), dy.dtype)
    lines = dy.reshape(len(dy), groups, o // groups, -1, copy=False)  # (P, O, Q, N) → (P, G, O', Q·N)

    def multiply(block: tuple[Array, Array, Array]) -> None:
        windows, line, term = block
        np.matmul(windows, line, out=term)

    lines = lines.swapaxes(2, 3)  # → (P, G, Q·N, O')
    blocks = [(x.windows(rows), lines[rows], terms[rows]) for rows in x.blocks(dy[0].nbytes)]
    for_each(multiply, blocks, work=out[0].size * dy.size / 2 + dy.nbytes)
    total = buffers.empty(terms.shape[1:], terms.dtype)
    np.add.reduce(terms, axis=0, out=total)  # in the order of the rows, whichever thread computed them
    dw = total.reshape(groups, kh, kw, c, o // groups).transpose(0, 4, 3, 1, 2)  # → (G, O', C', kh, kw)
    out.reshape(dw.shape)[...] = dw


def correlate_input_gradient(dy: Array, w: Array, kernel: Kernel, *, out: Array, buffers: Buffers) -> None:
    """dx[h, c, v, n] = Σ w[o, c, i, j] · dy[p, o, q, n] over all p·sh + i·dh = h + top and q·sw + j·dw = v + left.

    Every input row gathers from the output rows that saw it, so input rows never meet and may be computed at once.
    Output rows that follow one another are one matrix: one GEMM yields the part of every tap of the width, to be added
    up shifted.

    Args:
        dy: `(P, O, Q, N)`, contiguous.
        w: `(O, C', kh, kw)`.
        kernel: of the forward correlation.
        out: dx, `(H, C, W, N)`.
        buffers: where the memory comes from.
    """
    (height, _, width, n), (_, o, q, _) = out.shape, dy.shape
    (_, c, kh, kw), groups = w.shape, kernel.groups
    turned = buffers.empty((groups, kw, c, kh, o // groups), w.dtype)
    turned[...] = w.reshape(groups, -1, c, kh, kw)[:, :, :, _tap_order(kernel.rows)].transpose(0, 4, 2, 3, 1)
    matrices = turned.reshape(groups, kw * c, kh, -1)  # (G, kw, C', kh, O') → (G, kw·C', kh, O')
    lines = dy.reshape(len(dy), groups, o // groups, q * n, copy=False)  # (P, O, Q, N) → (P, G, O', Q·N)

    def gather(block: _InputRows) -> None:
        dx = out[block.rows].reshape(-1, groups, c, width, n)  # (R, C, W, N) → (R, G, C', W, N)
        parts = buffers.empty((len(dx), groups, kw, c, q, n), dy.dtype)
        products = parts.reshape(len(dx), groups, kw * c, q * n)
        if not block.terms:
            dx[...] = 0
        for number, term in enumerate(block.terms):
            weights = matrices[:, :, term.taps].reshape(groups, kw * c, -1)  # → (G, kw·C', taps·O')
            np.matmul(weights, _successive(lines, term.first, *weights.shape[::2], len(dx)), out=products)
            _add_shifted(parts, kernel.columns, out=dx, fresh=number == 0)

    size = blocks(height, (kw + 1) * out[0].nbytes)[0].stop
    for_each(gather, _input_rows(kernel, height, len(dy), size), work=w[0].size * dy.size / 2 + 3 * kw * out.nbytes)


def _add_shifted(parts: Array, columns: Side, *, out: Array, fresh: bool) -> None:
    """Add each tap's part `(R, G, kw, C', Q, N)` to the columns `(R, G, C', W, N)` it saw, or to 0 if fresh."""
    everything = slice(0, out.shape[3], 1)
    reaches = [(j, *columns.reach(j, out.shape[3])) for j in range(columns.kernel)]
    reaches.sort(key=lambda reach: reach[2] != everything)  # who sees every column may set what the others add to
    if fresh and reaches[0][2] == everything:
        j, positions, _ = reaches.pop(0)
        out[...] = parts[:, :, j, :, positions]
    elif fresh:
        out[...] = 0
    for j, positions, elements in reaches:
        out[:, :, :, elements] += parts[:, :, j, :, positions]


class _Term(NamedTuple):
    """Taps, as places in their order, and the output row at which the first of them saw an input row."""

    taps: slice
    first: int


class _InputRows(NamedTuple):
    """Input rows, and the terms of the first of them; from one row to the next, all terms move on by one output row."""

    rows: slice
    terms: tuple[_Term, ...]


@cache
def _input_rows(kernel: Kernel, height: int, positions: int, size: int) -> tuple[_InputRows, ...]:
    """Cut the input rows into blocks of at most `size` rows that the same taps saw."""
    stride = kernel.rows.stride
    blocks = []
    for remainder in range(min(stride, height)):
        rows = range(remainder, height, stride)
        terms = [_terms(h + kernel.rows.before, kernel, positions) for h in rows]
        first = 0
        for k in range(1, len(rows) + 1):
            moved_on = tuple(_Term(taps, p + k - first) for taps, p in terms[first])
            if k == len(rows) or k - first == size or terms[k] != moved_on:
                blocks.append(_InputRows(slice(rows[first], rows[k - 1] + 1, stride), terms[first]))
                first = k
    return tuple(blocks)


def _terms(padded_row: int, kernel: Kernel, positions: int) -> tuple[_Term, ...]:
    """Which taps saw an input row, and where.

    Successive output rows make one term where they are one matrix in memory: with a single group, and unless dilation
    lets successive taps see rows far apart.
    """
    rows = kernel.rows
    seen_at = [(place, divmod(padded_row - i * rows.dilation, rows.stride)) for place, i in enumerate(_tap_order(rows))]
    terms = [_Term(slice(place, place + 1), p) for place, (p, rest) in seen_at if rest == 0 and 0 <= p < positions]
    if terms and kernel.groups == 1 and rows.stride % rows.dilation == 0:
        return (_Term(slice(terms[0].taps.start, terms[-1].taps.stop), terms[0].first),)
    return tuple(terms)


def _tap_order(rows: Side) -> list[int]:
    """Order the taps of the height so that those of successive output rows seeing one input row are neighbours."""
    step = rows.stride // gcd(rows.stride, rows.dilation)
    return sorted(range(rows.kernel), key=lambda i: (i % step, -i))


def _successive(lines: Array, first: int, groups: int, height: int, count: int) -> Array:
    """View `(P, G, O', Q·N)` as count matrices of successive lines, `(count, G, height, Q·N)`, each one row further."""
    row, group, channel, element = lines.strides
    shape = (count, groups, height, lines.shape[3])
    return as_strided(lines[first:], shape, (row, group, channel, element), writeable=False)
