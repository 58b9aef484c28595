"""Logistic sigmoid."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class Sigmoid(Module):
    """y = 1 / (1 + exp(−x)), of any shape; no x is so large that it overflows.

    >>> Sigmoid()(np.array([[-1e4, 0.0, 2.0]])).round(4)
    array([[0.    , 0.5   , 0.8808]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`: with t = exp(−|x|) it is 1/(1 + t) above 0 and t/(1 + t) below."""
        x = batch_last(x)
        y = self.buffers.empty(x.shape, x.dtype)

        def block(rows: slice) -> None:
            t = self.buffers.empty(y[rows].shape, y.dtype)
            np.negative(x[rows], out=t)
            np.minimum(x[rows], t, out=t)
            np.exp(t, out=t)
            np.greater_equal(x[rows], 0, out=y[rows])
            np.maximum(y[rows], t, out=y[rows])  # the numerator: t is at most 1
            t += 1
            y[rows] /= t

        for_each(block, blocks_of(x))
        self.remember(y)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy · y · (1 − y)."""
        (y,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(y.shape, dy.dtype)

        def block(rows: slice) -> None:
            np.subtract(1, y[rows], out=dx[rows])
            dx[rows] *= y[rows]
            dx[rows] *= dy[rows]

        for_each(block, blocks_of(dx), work=8 * dx.nbytes)
        return batch_first(dx)
