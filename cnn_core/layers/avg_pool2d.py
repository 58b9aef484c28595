"""Mean of every window."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last, pair
from cnn_core.module import Module
from cnn_core.parallel import blocks, for_each
from cnn_core.windows import Side, taps


class AvgPool2d(Module):
    """y[p, q] = mean over the kh×kw window at (p·sh, q·sw); rows and columns no window reaches are left out.

    Args:
        kernel_size: height and width of a window.
        stride: step from window to window; as large as the window unless given.

    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
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
            raise ValueError(f"AvgPool2d needs (N, C, H, W), got {x.shape}")
        x = batch_last(x)  # (H, C, W, N)
        height, channels, width, n = x.shape
        y = self.buffers.empty((self.rows.positions(height), channels, self.columns.positions(width), n), x.dtype)
        first, *others = taps(x, self.rows, self.columns)

        def block(rows: slice) -> None:
            y[rows] = first[rows]
            for other in others:
                y[rows] += other[rows]
            y[rows] /= 1 + len(others)

        for_each(block, blocks(len(y), x.nbytes // len(y)), work=3 * x.nbytes)
        self.remember(x.shape)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy / (kh·kw) for each window that holds the pixel, summed where windows overlap."""
        (input_shape,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(input_shape, dy.dtype)
        windows = taps(dx, self.rows, self.columns)
        disjoint = self.rows.stride >= self.rows.kernel and self.columns.stride >= self.columns.kernel
        if not disjoint or sum(window.size for window in windows) < dx.size:
            dx[...] = 0

        def block(rows: slice) -> None:
            share = self.buffers.empty(dy[rows].shape, dy.dtype)
            np.divide(dy[rows], len(windows), out=share)
            for window in windows:
                if disjoint:
                    window[rows] = share
                else:
                    window[rows] += share

        # Windows that overlap share pixels: one thread alone.
        cut = blocks(len(dy), dx.nbytes // len(dy)) if disjoint else [slice(len(dy))]
        for_each(block, cut, work=2 * dx.nbytes)
        return batch_first(dx)
