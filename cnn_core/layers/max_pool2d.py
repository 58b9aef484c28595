"""Maximum of every window."""

import itertools

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last, output_size, pair
from cnn_core.module import Module


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
        self.kernel_size = pair(kernel_size)
        self.stride = self.kernel_size if stride is None else pair(stride)
        if min(*self.kernel_size, *self.stride) < 1:
            raise ValueError(f"MaxPool2d needs kernel and stride ≥ 1, got {self.kernel_size} and {self.stride}")

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C, P, Q)`.

        Raises:
            ValueError: x has not four dimensions, or is smaller than a window.
        """
        if x.ndim != 4:
            raise ValueError(f"MaxPool2d needs (N, C, H, W), got {x.shape}")
        x = batch_last(x)
        self._y = y = self.buffers.empty("y", self._y_shape(x), x.dtype)
        self._x = x
        first, *others = self._windows(x)
        y[...] = first
        for other in others:
            np.maximum(y, other, out=y)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy at each window's largest element, summed where windows overlap, else 0."""
        dy = batch_last(dy)
        dx = self.buffers.empty("dx", self._x.shape, dy.dtype)
        dx[...] = 0
        open_windows = self.buffers.empty("open", self._y.shape, bool)  # whose largest element is yet to come
        open_windows[...] = True
        hit = self.buffers.empty("hit", self._y.shape, bool)
        share = self.buffers.empty("share", self._y.shape, dy.dtype)
        for x, dx_offset in zip(self._windows(self._x), self._windows(dx), strict=True):
            np.equal(x, self._y, out=hit)
            hit &= open_windows
            open_windows ^= hit
            np.multiply(dy, hit, out=share)
            np.add(dx_offset, share, out=dx_offset)
        return batch_first(dx)

    def _windows(self, x: Array) -> list[Array]:
        """For each offset in a window, that element of all windows: kh·kw views `(C, P, Q, N)`."""
        (kh, kw), (sh, sw), (_, p, q, _) = self.kernel_size, self.stride, self._y_shape(x)
        return [x[:, i : i + sh * p : sh, j : j + sw * q : sw] for i, j in itertools.product(range(kh), range(kw))]

    def _y_shape(self, x: Array) -> tuple[int, int, int, int]:
        channels, height, width, count = x.shape
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        return channels, output_size(height, kh, sh, 0), output_size(width, kw, sw, 0), count
