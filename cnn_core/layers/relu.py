"""Rectified linear unit."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class ReLU(Module):
    """y = max(x, 0), of any shape; the derivative at 0 is 0, as in PyTorch.

    >>> ReLU()(np.array([[-1.0, 0.0, 2.0]]))
    array([[0., 0., 2.]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`."""
        x = batch_last(x)
        y = self.buffers.empty(x.shape, x.dtype)

        def block(rows: slice) -> None:
            np.maximum(x[rows], 0, out=y[rows])

        for_each(block, blocks_of(x), work=2 * x.nbytes)
        self.remember(y)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy where y > 0, else 0."""
        (y,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(y.shape, dy.dtype)

        def block(rows: slice) -> None:
            positive = self.buffers.empty(y[rows].shape, np.bool_)
            np.greater(y[rows], 0, out=positive)
            dx[rows] = positive  # multiplying by numbers is faster than by truth values
            np.multiply(dx[rows], dy[rows], out=dx[rows])

        for_each(block, blocks_of(dx), work=5 * dx.nbytes)
        return batch_first(dx)
