"""Maximum of every window."""

import itertools

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last, pair
from cnn_core.module import Module
from cnn_core.parallel import blocks, for_each
from cnn_core.windows import Side


class MaxPool2d(Module):
    """y[p, q] = max over the kh×kw window at (p·sh, q·sw); rows and columns no window reaches are left out.

    The gradient goes to the first largest element of a window in reading order, as in PyTorch.

    Args:
        kernel_size: height and width of a window.
        stride: step from window to window; as large as the window unless given.

    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> None:
        super().__init__()
        kernel_size = pair(kernel_size)
        self.rows, self.columns = map(Side, kernel_size, kernel_size if stride is None else pair(stride))

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C, P, Q)`.

        Raises:
            ValueError: x has not four dimensions, or is smaller than a window.
        """
        if x.ndim != 4:
            raise ValueError(f"MaxPool2d needs (N, C, H, W), got {x.shape}")
        x = batch_last(x)  # (H, C, W, N)
        height, channels, width, n = x.shape
        y = self.buffers.empty((self.rows.positions(height), channels, self.columns.positions(width), n), x.dtype)
        first, *others = self._windows(x)
        # For each element of a window but the first: is it larger than all before it?
        larger = self.buffers.empty((len(others) if self.training else 0, *y.shape), np.bool_)

        def block(rows: slice) -> None:
            largest = first[rows]
            for k, other in enumerate(others):
                if self.training:
                    np.greater(other[rows], largest, out=larger[k, rows])
                np.maximum(largest, other[rows], out=y[rows])
                largest = y[rows]
            if not others:
                y[rows] = largest

        for_each(block, blocks(len(y), x.nbytes // len(y)), work=3 * x.nbytes)
        self.remember(larger, x.shape)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy at each window's largest element, summed where windows overlap, else 0."""
        (larger, input_shape), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(input_shape, dy.dtype)
        first, *others = self._windows(dx)
        disjoint = self.rows.stride >= self.rows.kernel and self.columns.stride >= self.columns.kernel
        if not disjoint or first.size * (len(others) + 1) < dx.size:
            dx[...] = 0

        def block(rows: slice) -> None:
            rest, share = (self.buffers.empty(dy[rows].shape, dy.dtype) for _ in range(2))
            source = dy[rows]
            for k, other in reversed(list(enumerate(others))):
                share[...] = larger[k, rows]  # multiplying by numbers is faster than by truth values
                np.multiply(source, share, out=share)
                source = np.subtract(source, share, out=rest)
                if disjoint:
                    other[rows] = share
                else:
                    other[rows] += share
            if disjoint:
                first[rows] = source
            else:
                first[rows] += source

        cut = blocks(len(dy), dx.nbytes // len(dy)) if disjoint else [slice(len(dy))]
        for_each(block, cut, work=4 * dx.nbytes)
        return batch_first(dx)

    def _windows(self, x: Array) -> list[Array]:
        """For each offset in a window, that element of all windows: kh·kw views `(P, C, Q, N)`."""
        rows, columns = self.rows, self.columns
        p, q = rows.positions(x.shape[0]), columns.positions(x.shape[2])
        return [
            x[i : i + rows.stride * p : rows.stride, :, j : j + columns.stride * q : columns.stride]
            for i, j in itertools.product(range(rows.kernel), range(columns.kernel))
        ]
