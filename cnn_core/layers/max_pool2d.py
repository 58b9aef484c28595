"""Maximum of every window."""

from cnn_core.layout import Array, batch_first, batch_last, pair
from cnn_core.max_pooling import max_pool, max_pool_gradient
from cnn_core.module import Module
from cnn_core.windows import Side


class MaxPool2d(Module):
    """y[p, q] = max over the kh×kw window at (p·sh, q·sw); rows and columns no window reaches are left out.

    The gradient goes to the first largest element of a window in reading order, as in PyTorch.

    Args:
        kernel_size: height and width of a window.
        stride: step from window to window; as large as the window unless given.

    >>> import numpy as np
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
        y, larger = max_pool(x, self.rows, self.columns, marked=self.training, buffers=self.buffers)
        self.remember(larger, x.shape)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy at each window's largest element, summed where windows overlap, else 0."""
        larger, input_shape = self.recall()
        dx = self.buffers.empty(input_shape, dy.dtype)
        max_pool_gradient(batch_last(dy), larger, self.rows, self.columns, out=dx, buffers=self.buffers)
        return batch_first(dx)
