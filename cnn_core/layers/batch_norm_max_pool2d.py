"""Batch normalisation and the max pooling behind it, in fewer passes over the image than one after the other."""

import numpy as np
import numpy.typing as npt

from cnn_core.layers.batch_norm2d import BatchNorm2d, channel_sums
from cnn_core.layout import Array, batch_first, batch_last, pair
from cnn_core.max_pooling import max_pool, max_pool_gradient
from cnn_core.parallel import blocks_of, for_each
from cnn_core.windows import Side


class BatchNormMaxPool2d(BatchNorm2d):
    """y = max over each kh×kw window of batch norm(x): parameters, statistics and states are those of `BatchNorm2d`.

    Normalisation is a rising line in each channel (a falling one where γ < 0), so the largest of its values is its
    value of the largest (smallest) x: x is pooled, and only what is left is normalised. The gradient goes to the first
    largest x, also where normalised values are equal: by rounding, or all of them, where γ is exactly 0 and PyTorch's
    pooling takes the first.

    Args:
        channels: C.
        kernel_size: height and width of a window, which are also the step to the next.
        eps: as in `BatchNorm2d`, like momentum and dtype.

    >>> layer = BatchNormMaxPool2d(1, 2, dtype=np.float64)
    >>> layer(np.array([[1.0, 3.0], [1.0, 3.0]]).reshape(1, 1, 2, 2)).round(3)
    array([[[[1.]]]])
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, int],
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, dtype=dtype)
        self.rows, self.columns = map(Side, pair(kernel_size), pair(kernel_size))

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, C, P, Q)`.

        Raises:
            ValueError: as `BatchNorm2d` and `MaxPool2d`.
        """
        image = self._checked(x)  # (H, C, W, N)
        x, slope, offset = self._normalisation(image)
        falling = slope.real < 0
        direction = np.where(falling, -1, 1).astype(x.dtype)
        if falling.any():
            x = np.multiply(x, direction, out=self.buffers.empty(x.shape, x.dtype))
        image = x.reshape(image.shape)  # (H, C, W·N) → (H, C, W, N)
        largest, larger = max_pool(image, self.rows, self.columns, marked=self.training, buffers=self.buffers)
        pooled = largest.reshape(*largest.shape[:2], -1)  # (P, C, Q, N) → (P, C, Q·N)
        if falling.any():
            pooled *= direction
        if self.training:
            self.remember(*self.recall(), pooled, larger, image.shape)
        y = self.buffers.empty(pooled.shape, np.result_type(pooled, slope, offset))
        np.multiply(pooled, slope, out=y)
        np.add(y, offset, out=y)
        return batch_first(y.reshape(largest.shape))

    def _sums(self, dy: Array) -> tuple[Array, Array]:
        """dγ and dβ, to which only the largest x contribute."""
        _, mean, deviation, pooled, *_ = self.recall()
        products, sums = channel_sums(self.buffers.contiguous(batch_last(dy)).reshape(pooled.shape), pooled)
        return (products - mean * sums) / deviation, sums

    def _input_gradient(self, dy: Array, d_gamma: Array, d_beta: Array) -> Array:
        """dx as in `BatchNorm2d`, from the gradient that the pooling hands back."""
        x, slope, offset, scale = self._line_of_gradient(d_gamma, d_beta)
        *_, larger, input_shape = self.recall()
        image = self.buffers.empty(input_shape, dy.dtype)  # (H, C, W, N)
        max_pool_gradient(batch_last(dy), larger, self.rows, self.columns, out=image, buffers=self.buffers)
        dx = image.reshape(x.shape)  # (H, C, W, N) → (H, C, W·N)

        def block(rows: slice) -> None:
            line = self.buffers.empty(x[rows].shape, dx.dtype)
            np.multiply(x[rows], slope, out=line)
            np.add(dx[rows], line, out=dx[rows])
            np.add(dx[rows], offset, out=dx[rows])
            np.multiply(dx[rows], scale, out=dx[rows])

        for_each(block, blocks_of(dx), work=9 * dx.nbytes)
        return batch_first(image)
