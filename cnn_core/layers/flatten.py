"""From images to features."""

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module


class Flatten(Module):
    """`(N, C, H, W)` → `(N, C·H·W)`, a view: feature (c·H + h)·W + w is pixel (c, h, w).

    >>> import numpy as np
    >>> Flatten()(np.arange(8).reshape(1, 2, 2, 2))
    array([[0, 1, 2, 3, 4, 5, 6, 7]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C·H·W)`."""
        self._shape = x.shape
        return batch_first(batch_last(x).reshape(-1, len(x)))  # (C, H, W, N) → (F, N)

    def input_gradient(self, dy: Array) -> Array:
        """`(N, C·H·W)` → `(N, C, H, W)`."""
        return batch_first(batch_last(dy).reshape(*self._shape[1:], len(dy)))  # (F, N) → (C, H, W, N)
