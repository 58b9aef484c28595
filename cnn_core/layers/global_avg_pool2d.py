"""Mean of every channel."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module


class GlobalAvgPool2d(Module):
    """y[n, c] = mean over h, w of x[n, c, h, w]: from images to features, whatever their size.

    Source: Lin et al., "Network In Network", 2014, section 3.2.

    >>> GlobalAvgPool2d()(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C)`.

        Raises:
            ValueError: x has not four dimensions.
        """
        if x.ndim != 4:
            raise ValueError(f"GlobalAvgPool2d needs (N, C, H, W), got {x.shape}")
        self.remember(x.shape)
        n, c, height, width = x.shape
        columns, y = self.buffers.empty((c, width, n), x.dtype), self.buffers.empty((c, n), x.dtype)
        np.add.reduce(batch_last(x), axis=0, out=columns)  # (H, C, W, N) → (C, W, N)
        np.add.reduce(columns, axis=1, out=y)  # one axis at a time: for both, NumPy would allocate
        y /= height * width
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy / (H·W) at every pixel."""
        n, c, height, width = self.recall()[0]
        share, dx = self.buffers.empty((c, n), dy.dtype), self.buffers.empty((height, c, width, n), dy.dtype)
        np.divide(batch_last(dy), height * width, out=share)
        dx[...] = share[:, None]  # (C, N) → (H, C, W, N)
        return batch_first(dx)
