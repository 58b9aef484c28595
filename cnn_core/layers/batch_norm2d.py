"""Batch normalisation of images."""

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module, Parameter, Statistic
from cnn_core.parallel import blocks_of, for_each

_FAR = 16  # squares of the mean in variances: from there on E[x²] − E[x]² cancels too many digits


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
        image = self._checked(x)  # (H, C, W, N)
        x, slope, offset = self._normalisation(image)
        y = self.buffers.empty(x.shape, np.result_type(x, slope, offset))

        def block(rows: slice) -> None:
            np.multiply(x[rows], slope, out=y[rows])
            np.add(y[rows], offset, out=y[rows])

        for_each(block, blocks_of(y), work=4 * y.nbytes)
        return batch_first(y.reshape(image.shape))

    def backward(self, dy: Array) -> Array:
        """Write dγ = Σ dy · (x − μ)/σ and dβ = Σ dy; return dx, which needs both."""
        d_gamma, d_beta = self._sums(dy)
        self.weight.grad[...], self.bias.grad[...] = d_gamma, d_beta
        return self._input_gradient(dy, d_gamma, d_beta)

    def parameter_gradients(self, dy: Array) -> None:
        """dγ and dβ, as in `backward`."""
        self.weight.grad[...], self.bias.grad[...] = self._sums(dy)

    def input_gradient(self, dy: Array) -> Array:
        """dx, as in `backward`."""
        return self._input_gradient(dy, *self._sums(dy))

    def _checked(self, x: Array) -> Array:
        """View `(N, C, H, W)` as `(H, C, W, N)`, or refuse it."""
        if x.ndim != 4 or x.shape[1] != self.weight.value.size:
            raise ValueError(f"{type(self).__name__} needs (N, {self.weight.value.size}, H, W), got {x.shape}")
        if self.training and x.size == x.shape[1]:
            raise ValueError(f"{type(self).__name__} needs more than one value a channel in training, got {x.shape}")
        return self.buffers.contiguous(batch_last(x))

    def _normalisation(self, image: Array) -> tuple[Array, Array, Array]:
        """x `(H, C, W·N)`, centred where it has to be, and the line y = slope · x + offset, `(C, 1)` each."""
        x = image.reshape(*image.shape[:2], -1)  # (H, C, W, N) → (H, C, W·N)
        if self.training:
            x, mean, deviation = self._batch_statistics(x)
            self.remember(x, mean, deviation)
        else:
            mean, deviation = self.running_mean.value, np.sqrt(self.running_var.value + self.eps)
        slope = (self.weight.value / deviation)[:, None]
        return x, slope, self.bias.value[:, None] - mean[:, None] * slope

    def _batch_statistics(self, x: Array) -> tuple[Array, Array, Array]:
        """x, centred where it has to be, its μ and σ; the running statistics follow."""
        mean, variance = self._moments(x)
        batch_mean = mean
        if (mean.real**2 > _FAR * variance.real).any():
            centred = self.buffers.empty(x.shape, x.dtype)
            x = np.subtract(x, mean[:, None], out=centred)
            mean, variance = self._moments(x)
        count = x.size // x.shape[1]
        for running, batch in (self.running_mean, batch_mean), (self.running_var, variance * (count / (count - 1))):
            running.value *= 1 - self.momentum
            running.value += self.momentum * batch.real  # complex in a gradient check
        return x, mean, np.sqrt(variance + self.eps)

    def _moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of each channel, E[x²] − E[x]², in one pass over `(H, C, W·N)`."""
        squares, sums = channel_sums(x, x)
        count = x.size // x.shape[1]
        mean = sums / count
        return mean, squares / count - mean * mean

    def _sums(self, dy: Array) -> tuple[Array, Array]:
        """dγ and dβ."""
        x, mean, deviation, *_ = self.recall()
        products, sums = channel_sums(self.buffers.contiguous(batch_last(dy)).reshape(x.shape), x)
        return (products - mean * sums) / deviation, sums

    def _input_gradient(self, dy: Array, d_gamma: Array, d_beta: Array) -> Array:
        """dx = γ/σ · (dy − dβ/M − (x − μ)/σ · dγ/M), M values a channel."""
        image = self.buffers.contiguous(batch_last(dy))  # (H, C, W, N)
        x, slope, offset, scale = self._line_of_gradient(d_gamma, d_beta)
        dy, dx = image.reshape(x.shape), self.buffers.empty(x.shape, np.result_type(image, x))

        def block(rows: slice) -> None:
            np.multiply(x[rows], slope, out=dx[rows])
            np.add(dx[rows], dy[rows], out=dx[rows])
            np.add(dx[rows], offset, out=dx[rows])
            np.multiply(dx[rows], scale, out=dx[rows])

        for_each(block, blocks_of(dx), work=9 * dx.nbytes)
        return batch_first(dx.reshape(image.shape))

    def _line_of_gradient(self, d_gamma: Array, d_beta: Array) -> tuple[Array, Array, Array, Array]:
        """x, and what makes dx = (dy + slope · x + offset) · scale, `(C, 1)` each."""
        x, mean, deviation, *_ = self.recall()
        count = x.size // x.shape[1]
        slope = -d_gamma / (deviation * count)
        offset = -d_beta / count - mean * slope
        return x, slope[:, None], offset[:, None], (self.weight.value / deviation)[:, None]


def channel_sums(x: Array, y: Array) -> tuple[Array, Array]:
    """Σ x·y and Σ x of each channel, `(C,)`, in one pass over arrays `(H, C, W·N)`."""
    products, sums = np.empty((2, *x.shape[:2]), np.result_type(x, y))  # (H, C) each
    ones = np.ones(x.shape[2], x.dtype)

    def block(rows: slice) -> None:
        np.einsum("hci,hci->hc", x[rows], y[rows], out=products[rows])
        np.matmul(x[rows], ones, out=sums[rows])

    for_each(block, blocks_of(x), work=3 * x.nbytes)
    return products.sum(axis=0), sums.sum(axis=0)
