"""Mean of every channel."""

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module


class GlobalAvgPool2d(Module):
    """y[n, c] = mean over h, w of x[n, c, h, w]: from images to features, whatever their size.

    Source: Lin et al., "Network In Network", 2014, section 3.2.

    >>> import numpy as np
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
        return batch_first(self.buffers.contiguous(batch_last(x)).mean(axis=(0, 2)))  # (H, C, W, N) → (C, N)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy / (H·W) at every pixel."""
        n, c, height, width = self.recall()[0]
        dx = self.buffers.empty((height, c, width, n), dy.dtype)
        dx[...] = (batch_last(dy) / (height * width))[:, None]  # (C, N) → (H, C, W, N)
        return batch_first(dx)
