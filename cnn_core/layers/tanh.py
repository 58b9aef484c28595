"""Hyperbolic tangent."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class Tanh(Module):
    """y = tanh x, of any shape.

    >>> Tanh()(np.array([[-1.0, 0.0, 20.0]])).round(4)
    array([[-0.7616,  0.    ,  1.    ]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`."""
        x = batch_last(x)
        y = self.buffers.empty(x.shape, x.dtype)
        for_each(lambda rows: np.tanh(x[rows], out=y[rows]), blocks_of(x))
        self.remember(y)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy · (1 − y²)."""
        (y,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(y.shape, dy.dtype)

        def block(rows: slice) -> None:
            np.multiply(y[rows], y[rows], out=dx[rows])
            np.subtract(1, dx[rows], out=dx[rows])
            dx[rows] *= dy[rows]

        for_each(block, blocks_of(dx), work=7 * dx.nbytes)
        return batch_first(dx)
