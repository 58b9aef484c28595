"""Batch normalisation of images."""

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module, Parameter, Statistic
from cnn_core.parallel import blocks_of, for_each


class BatchNorm2d(Module):
    """y = γ · (x − μ) / √(σ² + ε) + β, channel by channel.

    In training μ and σ² are the mean and the variance over the batch's images and positions, and the running
    statistics follow them: running ← (1 − m)·running + m·batch, with the batch's unbiased variance (divided by
    count − 1), as in PyTorch. In evaluation μ and σ² are the running statistics.

    `weight` is γ `(C,)` and starts at one, `bias` is β `(C,)` and starts at zero, `running_mean` at zero, `running_var`
    at one.

    Args:
        channels: C.
        eps: ε.
        momentum: m.
        dtype: of parameters and statistics.

    Source: Ioffe & Szegedy, "Batch Normalization", 2015, Algorithms 1 and 2.

    >>> layer = BatchNorm2d(1, dtype=np.float64)
    >>> layer(np.array([1.0, 3.0]).reshape(2, 1, 1, 1)).ravel().round(3)
    array([-1.,  1.])
    >>> layer.running_mean.value, layer.running_var.value
    (array([0.2]), array([1.1]))
    """

    def __init__(
        self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1, dtype: npt.DTypeLike = np.float32
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"BatchNorm2d needs at least one channel, got {channels}")
        if not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm2d needs eps > 0 and momentum in [0, 1], got {eps} and {momentum}")
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(np.ones(channels, dtype))
        self.bias = Parameter(np.zeros(channels, dtype))
        self.running_mean = Statistic(np.zeros(channels, dtype))
        self.running_var = Statistic(np.ones(channels, dtype))

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C, H, W)`.

        Raises:
            ValueError: x has other dimensions or channels, or, in training, only one value a channel.
        """
        gamma, beta = self.weight.value, self.bias.value
        if x.ndim != 4 or x.shape[1] != len(gamma):
            raise ValueError(f"BatchNorm2d needs (N, {len(gamma)}, H, W), got {x.shape}")
        image = self.buffers.contiguous(batch_last(x))  # (H, C, W, N)
        x = image.reshape(*image.shape[:2], -1)  # (H, C, W, N) → (H, C, W·N)
        y = self.buffers.empty(x.shape, np.result_type(x, gamma))
        if self.training:
            mean, deviation = self._centre(x, y)
            _scale(y, gamma / deviation, beta, out=y)
            self.remember(x, mean, deviation)
        else:
            scale = gamma / np.sqrt(self.running_var.value + self.eps)
            _scale(x, scale, beta - self.running_mean.value * scale, out=y)
        return batch_first(y.reshape(image.shape))

    def backward(self, dy: Array) -> Array:
        """Write dγ = Σ dy · (x − μ)/σ and dβ = Σ dy; return dx, which needs both."""
        centred, d_gamma, d_beta = self._sums(dy)
        self.weight.grad[...], self.bias.grad[...] = d_gamma, d_beta
        return self._input_gradient(dy, centred, d_gamma, d_beta)

    def parameter_gradients(self, dy: Array) -> None:
        """dγ and dβ, as in `backward`."""
        _, self.weight.grad[...], self.bias.grad[...] = self._sums(dy)

    def input_gradient(self, dy: Array) -> Array:
        """dx, as in `backward`."""
        return self._input_gradient(dy, *self._sums(dy))

    def _centre(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Write x − μ to y, let the running statistics follow, and return μ and σ' = √(σ² + ε)."""
        sums = np.empty(x.shape[:2], x.dtype)  # (H, C)
        count, ones = x.size // x.shape[1], np.ones(x.shape[2], x.dtype)
        for_each(lambda rows: np.matmul(x[rows], ones, out=sums[rows]), blocks_of(x))
        mean = sums.sum(axis=0) / count

        def block(rows: slice) -> None:
            np.subtract(x[rows], mean[:, None], out=y[rows])
            np.einsum("hci,hci->hc", y[rows], y[rows], out=sums[rows])

        for_each(block, blocks_of(x))
        variance = sums.sum(axis=0) / count
        for running, batch in (self.running_mean, mean), (self.running_var, variance * (count / (count - 1))):
            running.value *= 1 - self.momentum
            running.value += self.momentum * batch.real  # complex in a gradient check
        return mean, np.sqrt(variance + self.eps)

    def _sums(self, dy: Array) -> tuple[Array, Array, Array]:
        """Return x − μ `(H, C, W·N)`, dγ and dβ."""
        x, mean, deviation = self.recall()
        dy = self.buffers.contiguous(batch_last(dy)).reshape(x.shape)  # (H, C, W, N) → (H, C, W·N)
        centred = self.buffers.empty(x.shape, np.result_type(dy, x))
        products, sums = np.empty((2, *x.shape[:2]), dy.dtype)  # (H, C) each
        ones = np.ones(x.shape[2], dy.dtype)

        def block(rows: slice) -> None:
            np.subtract(x[rows], mean[:, None], out=centred[rows])
            np.einsum("hci,hci->hc", dy[rows], centred[rows], out=products[rows])
            np.matmul(dy[rows], ones, out=sums[rows])

        for_each(block, blocks_of(x))
        return centred, products.sum(axis=0) / deviation, sums.sum(axis=0)

    def _input_gradient(self, dy: Array, centred: Array, d_gamma: Array, d_beta: Array) -> Array:
        """dx = γ/σ' · (dy − dβ/M − (x − μ)/σ' · dγ/M), M values a channel, written over x − μ."""
        _, _, deviation = self.recall()
        image = self.buffers.contiguous(batch_last(dy))  # (H, C, W, N)
        dy, dx = image.reshape(centred.shape), centred
        count = dx.size // dx.shape[1]
        slope, offset = (d_gamma / (deviation * count))[:, None], (d_beta / count)[:, None]
        scale = (self.weight.value / deviation)[:, None]

        def block(rows: slice) -> None:
            dx[rows] *= slope
            np.subtract(dy[rows], dx[rows], out=dx[rows])
            dx[rows] -= offset
            dx[rows] *= scale

        for_each(block, blocks_of(dx))
        return batch_first(dx.reshape(image.shape))


def _scale(x: Array, factor: Array, shift: Array, *, out: Array) -> None:
    """y[h, c] = x[h, c] · factor[c] + shift[c]."""

    def block(rows: slice) -> None:
        np.multiply(x[rows], factor[:, None], out=out[rows])
        out[rows] += shift[:, None]

    for_each(block, blocks_of(out))
