"""Batch normalisation of images."""

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module, Parameter, Statistic
from cnn_core.parallel import blocks_of, for_each

_FAR = 4  # squares of the mean in variances: from there on E[x²] − E[x]² cancels too many digits


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
        if self.training and x.size == x.shape[1]:
            raise ValueError(f"BatchNorm2d needs more than one value a channel in training, got {x.shape}")
        image = self.buffers.contiguous(batch_last(x))  # (H, C, W, N)
        x = image.reshape(*image.shape[:2], -1)  # (H, C, W, N) → (H, C, W·N)
        y = self.buffers.empty(x.shape, np.result_type(x, gamma, beta))
        if self.training:
            mean, variance = self._statistics(x)
            batch_mean = mean
            if (mean.real**2 > _FAR * variance.real).any():
                x, mean, variance = self._centred(x, mean)
            self._follow(batch_mean, variance, x.size // x.shape[1])
            deviation = np.sqrt(variance + self.eps)
            self.remember(x, mean, deviation)
        else:
            mean, deviation = self.running_mean.value, np.sqrt(self.running_var.value + self.eps)
        slope = (gamma / deviation)[:, None]
        offset = beta[:, None] - mean[:, None] * slope

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

    def _statistics(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of each channel, E[x²] − E[x]², in one pass over `(H, C, W·N)`."""
        count, ones = x.size // x.shape[1], np.ones(x.shape[2], x.dtype)
        sums, squares = np.empty((2, *x.shape[:2]), x.dtype)  # (H, C) each

        def block(rows: slice) -> None:
            np.matmul(x[rows], ones, out=sums[rows])
            np.einsum("hci,hci->hc", x[rows], x[rows], out=squares[rows])

        for_each(block, blocks_of(x), work=2 * x.nbytes)
        mean = sums.sum(axis=0) / count
        return mean, squares.sum(axis=0) / count - mean * mean

    def _centred(self, x: Array, mean: Array) -> tuple[Array, Array, Array]:
        """x − μ, its mean, and its variance, which cancels no digits."""
        centred = self.buffers.empty(x.shape, x.dtype)
        np.subtract(x, mean[:, None], out=centred)
        return centred, *self._statistics(centred)

    def _follow(self, mean: Array, variance: Array, count: int) -> None:
        """Let the running statistics follow a batch's."""
        for running, batch in (self.running_mean, mean), (self.running_var, variance * (count / (count - 1))):
            running.value *= 1 - self.momentum
            running.value += self.momentum * batch.real  # complex in a gradient check

    def _sums(self, dy: Array) -> tuple[Array, Array]:
        """dγ and dβ."""
        x, mean, deviation = self.recall()
        dy = self.buffers.contiguous(batch_last(dy)).reshape(x.shape)  # (H, C, W, N) → (H, C, W·N)
        products, sums = np.empty((2, *x.shape[:2]), dy.dtype)  # (H, C) each
        ones = np.ones(x.shape[2], dy.dtype)

        def block(rows: slice) -> None:
            np.einsum("hci,hci->hc", dy[rows], x[rows], out=products[rows])
            np.matmul(dy[rows], ones, out=sums[rows])

        for_each(block, blocks_of(x), work=3 * x.nbytes)
        d_beta = sums.sum(axis=0)
        return (products.sum(axis=0) - mean * d_beta) / deviation, d_beta

    def _input_gradient(self, dy: Array, d_gamma: Array, d_beta: Array) -> Array:
        """dx = γ/σ · (dy − dβ/M − (x − μ)/σ · dγ/M), M values a channel."""
        x, mean, deviation = self.recall()
        image = self.buffers.contiguous(batch_last(dy))  # (H, C, W, N)
        dy, dx = image.reshape(x.shape), self.buffers.empty(x.shape, np.result_type(dy, x))
        slope = -d_gamma / (deviation * (x.size // x.shape[1]))
        offset = (-d_beta / (x.size // x.shape[1]) - mean * slope)[:, None]
        slope, scale = slope[:, None], (self.weight.value / deviation)[:, None]

        def block(rows: slice) -> None:
            np.multiply(x[rows], slope, out=dx[rows])
            np.add(dx[rows], dy[rows], out=dx[rows])
            np.add(dx[rows], offset, out=dx[rows])
            np.multiply(dx[rows], scale, out=dx[rows])

        for_each(block, blocks_of(dx), work=9 * dx.nbytes)
        return batch_first(dx.reshape(image.shape))
