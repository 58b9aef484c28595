"""Two-dimensional convolution (a correlation, as everywhere in the field)."""

import numpy as np
import numpy.typing as npt

from cnn_core import kernels
from cnn_core.initializers import he_normal
from cnn_core.layout import Array, batch_first, batch_last, output_size, pair
from cnn_core.module import Module, Parameter


class Conv2d(Module):
    """y[n, o, p, q] = b[o] + Σ w[o, c, i, j] · x[n, c, p·sh + i − ph, q·sw + j − pw], x being zero outside.

    `weight` is `(out, in, kh, kw)` and starts He-normal, `bias` is `(out,)` and starts zero.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: (kh, kw), or one number for both; so for stride and padding.
        stride: (sh, sw).
        padding: (ph, pw) zeros on either side.
        rng: where the first weights come from.
        dtype: of the parameters.

    >>> layer = Conv2d(1, 8, 3, padding=1, rng=np.random.default_rng(0))
    >>> layer(np.ones((5, 1, 28, 28), np.float32)).shape
    (5, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)
        if min(in_channels, out_channels, *kernel_size, *self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                "Conv2d needs channels, kernel and stride ≥ 1 and padding ≥ 0, got channels "
                f"{in_channels} → {out_channels}, kernel {kernel_size}, stride {self.stride}, padding {self.padding}"
            )
        shape = (out_channels, in_channels, *kernel_size)
        fan_in = in_channels * kernel_size[0] * kernel_size[1]
        self.weight = Parameter(he_normal(shape, fan_in=fan_in, rng=rng, dtype=dtype))
        self.bias = Parameter(np.zeros(out_channels, dtype))

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, O, P, Q)` with P = ⌊(H + 2·ph − kh) / sh⌋ + 1, Q likewise.

        Raises:
            ValueError: x has other dimensions or channels, or is smaller than the kernel.
        """
        w, b = self.weight.value, self.bias.value
        if x.ndim != 4 or x.shape[1] != w.shape[1]:
            raise ValueError(f"Conv2d needs (N, {w.shape[1]}, H, W), got {x.shape}")
        x = batch_last(x)
        size = [output_size(*side) for side in zip(x.shape[1:3], w.shape[2:], self.stride, self.padding, strict=True)]
        self._input_shape = x.shape
        self._padded = kernels.pad(x, self.padding, self.buffers)
        y = self.buffers.empty("y", (len(w), *size, x.shape[3]), np.result_type(x, w, b))
        kernels.correlate(self._padded, w, self.stride, bias=b, out=y, buffers=self.buffers)
        return batch_first(y)

    def parameter_gradients(self, dy: Array) -> None:
        """dw = Σ x · dy over all windows, db = Σ dy over all positions and images."""
        dy = batch_last(dy)
        kernels.correlate_weight_gradient(self._padded, dy, self.stride, out=self.weight.grad, buffers=self.buffers)
        np.sum(dy, axis=(1, 2, 3), out=self.bias.grad)

    def input_gradient(self, dy: Array) -> Array:
        """dx, see `cnn_core.kernels.correlate_input_gradient`."""
        w = self.weight.value
        dx = self.buffers.empty("dx", self._input_shape, np.result_type(dy, w))
        kernels.correlate_input_gradient(batch_last(dy), w, self.stride, self.padding, out=dx, buffers=self.buffers)
        return batch_first(dx)
