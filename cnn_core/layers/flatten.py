"""From images to features."""

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module


class Flatten(Module):
    """`(N, C, H, W)` → `(N, C·H·W)`: feature (c·H + h)·W + w is pixel (c, h, w).

    >>> import numpy as np
    >>> Flatten()(np.arange(8).reshape(1, 2, 2, 2))
    array([[0, 1, 2, 3, 4, 5, 6, 7]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C·H·W)`."""
        self.remember(x.shape)
        x = x.transpose(1, 2, 3, 0)  # (N, C, H, W) → (C, H, W, N), which is not its order in memory
        features = self.buffers.empty(x.shape, x.dtype)
        features[...] = x
        return batch_first(features.reshape(-1, x.shape[-1]))  # (C, H, W, N) → (F, N)

    def input_gradient(self, dy: Array) -> Array:
        """`(N, C·H·W)` → `(N, C, H, W)`, a view."""
        (n, *image) = self.recall()[0]
        return batch_last(dy).reshape(*image, n).transpose(3, 0, 1, 2)  # (F, N) → (C, H, W, N) → (N, C, H, W)
