"""Rectified linear unit that lets a little through."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class LeakyReLU(Module):
    """y = x above 0 and a·x below, of any shape; the derivative at 0 is a, as in PyTorch.

    Args:
        negative_slope: a, from 0 (ReLU) to 1 (the identity).

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.

    >>> LeakyReLU(0.1)(np.array([[-1.0, 0.0, 2.0]]))
    array([[-0.1,  0. ,  2. ]])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        if not 0 <= negative_slope <= 1:
            raise ValueError(f"LeakyReLU needs a negative_slope in [0, 1], got {negative_slope}")
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`."""
        x = batch_last(x)
        y = self.buffers.empty(x.shape, x.dtype)

        def block(rows: slice) -> None:
            np.multiply(x[rows], self.negative_slope, out=y[rows])
            np.maximum(x[rows], y[rows], out=y[rows])

        for_each(block, blocks_of(x), work=5 * x.nbytes)
        self.remember(y)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy where y > 0, else a·dy."""
        (y,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(y.shape, dy.dtype)

        def block(rows: slice) -> None:
            positive = self.buffers.empty(y[rows].shape, np.bool_)
            np.greater(y[rows], 0, out=positive)
            dx[rows] = positive  # 1 or 0
            np.maximum(dx[rows], self.negative_slope, out=dx[rows])
            dx[rows] *= dy[rows]

        for_each(block, blocks_of(dx), work=7 * dx.nbytes)
        return batch_first(dx)
