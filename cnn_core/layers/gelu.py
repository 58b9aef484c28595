"""Gaussian error linear unit."""

import math

import numpy as np

from cnn_core.error_function import erf
from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class GELU(Module):
    """y = x · Φ(x), of any shape, with Φ(x) = (1 + erf(x/√2)) / 2; the exact form, not the one with tanh.

    Source: Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016, eq. 2.

    >>> GELU()(np.array([[-1.0, 0.0, 2.0]])).round(4)
    array([[-0.1587,  0.    ,  1.9545]])
    """

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`."""
        x = batch_last(x)
        y = self.buffers.empty(x.shape, x.dtype)
        # Φ is dear, so the derivative is taken while it is there.
        slope = self.buffers.empty(x.shape if self.training else (0,), x.dtype)

        def block(rows: slice) -> None:
            phi = self.buffers.empty(x[rows].shape, x.dtype)
            np.multiply(x[rows], 1 / math.sqrt(2), out=phi)
            erf(phi, out=phi, buffers=self.buffers)
            phi += 1
            phi *= 0.5
            np.multiply(x[rows], phi, out=y[rows])
            if self.training:
                _slope(x[rows], phi, out=slope[rows])

        for_each(block, blocks_of(x))
        self.remember(slope)
        return batch_first(y)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy · (Φ(x) + x·φ(x)), φ = Φ' being the normal density."""
        (slope,), dy = self.recall(), batch_last(dy)
        dx = self.buffers.empty(slope.shape, dy.dtype)
        for_each(lambda rows: np.multiply(slope[rows], dy[rows], out=dx[rows]), blocks_of(dx), work=3 * dx.nbytes)
        return batch_first(dx)


def _slope(x: Array, phi: Array, *, out: Array) -> None:
    """Φ(x) + x · exp(−x²/2) / √(2π)."""
    np.multiply(x, x, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= x
    out *= 1 / math.sqrt(2 * math.pi)
    out += phi
