"""Rectified linear unit."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module


class ReLU(Module):
    """y = max(x, 0), of any shape; the derivative at 0 is 0, as in PyTorch.

    >>> ReLU()(np.array([[-1.0, 0.0, 2.0]]))
    array([[0., 0., 2.]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`."""
        x = batch_last(x)
        self._y = self.buffers.empty("y", x.shape, x.dtype)
        np.maximum(x, 0, out=self._y)
        return batch_first(self._y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy where y > 0, else 0."""
        dx = self.buffers.empty("dx", self._y.shape, dy.dtype)
        np.multiply(batch_last(dy), self._y > 0, out=dx)
        return batch_first(dx)
