"""Two-dimensional convolution (a correlation, as everywhere in the field)."""

from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from cnn_core.correlation import (
    Kernel,
    Unrolled,
    correlate,
    correlate_input_gradient,
    correlate_weight_gradient,
)
from cnn_core.initializers import he_normal
from cnn_core.layout import Array, batch_first, batch_last, pair
from cnn_core.module import Module, Parameter
from cnn_core.windows import Side


class Conv2d(Module):
    """y[n, o, p, q] = b[o] + Σ w[o, c, i, j] · x[n, c, p·sh + i·dh − ph, q·sw + j·dw − pw], x being zero outside.

    `weight` is `(out, in / groups, kh, kw)` and starts He-normal, `bias` is `(out,)` and starts zero. With several
    groups, each part of the output channels sees its own part of the input channels only; as many groups as input
    channels make a depthwise convolution.

    Args:
        in_channels: C, a multiple of groups.
        out_channels: O, a multiple of groups.
        kernel_size: (kh, kw), or one number for both; so for stride, padding and dilation.
        stride: (sh, sw).
        padding: (ph, pw) zeros on either side, or "same": as many as keep the size at stride 1, an odd one behind.
        dilation: (dh, dw), the elements from one tap of the kernel to the next.
        groups: G.
        bias: whether there is b; before a normalisation it would be without effect.
        rng: where the first weights come from.
        dtype: of the parameters.

    Raises:
        ValueError: a number is too small, channels are no multiple of groups, or "same" comes with a stride.

    >>> layer = Conv2d(1, 8, 3, padding="same", rng=np.random.default_rng(0))
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
        padding: int | tuple[int, int] | Literal["same"] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                "Conv2d needs channels that are multiples of groups, all ≥ 1, "
                f"got channels {in_channels} → {out_channels} and groups {groups}"
            )
        rows, columns = (
            _side(*numbers, padding if padding == "same" else pair(padding)[axis])
            for axis, numbers in enumerate(zip(pair(kernel_size), pair(stride), pair(dilation), strict=True))
        )
        self.kernel = Kernel(rows, columns, groups)
        shape = (out_channels, in_channels // groups, *pair(kernel_size))
        self.weight = Parameter(he_normal(shape, fan_in=shape[1] * shape[2] * shape[3], rng=rng, dtype=dtype))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None

    def forward(self, x: Array) -> Array:
        """`(N, C, H, W)` → `(N, O, P, Q)` with P = ⌊(H + 2·ph − dh·(kh − 1) − 1) / sh⌋ + 1, Q likewise.

        Raises:
            ValueError: x has other dimensions or channels, or is smaller than the kernel.
        """
        w, b = self.weight.value, self.bias.value if self.bias else None
        channels = w.shape[1] * self.kernel.groups
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"Conv2d needs (N, {channels}, H, W), got {x.shape}")
        x = batch_last(x)  # (H, C, W, N)
        p, q = self.kernel.rows.positions(x.shape[0]), self.kernel.columns.positions(x.shape[2])
        unrolled = Unrolled(x, self.kernel, self.buffers)
        y = self.buffers.empty((p, len(w), q, x.shape[3]), np.result_type(x, w if b is None else b, w))
        correlate(unrolled, w, b, out=y, buffers=self.buffers)
        self.remember(unrolled, x.shape)
        return batch_first(y)

    def parameter_gradients(self, dy: Array) -> None:
        """dw = Σ x · dy over all windows, db = Σ dy over all positions and images."""
        unrolled, _ = self.recall()
        dy = self.buffers.contiguous(batch_last(dy))  # (P, O, Q, N)
        correlate_weight_gradient(unrolled, dy, out=self.weight.grad, buffers=self.buffers)
        if self.bias:
            sums = dy.reshape(*dy.shape[:2], -1) @ np.ones(dy.shape[2] * dy.shape[3], dy.dtype)  # (P, O, Q·N) → (P, O)
            np.sum(sums, axis=0, out=self.bias.grad)

    def input_gradient(self, dy: Array) -> Array:
        """dx, see `cnn_core.correlation.correlate_input_gradient`."""
        w, (_, input_shape) = self.weight.value, self.recall()
        dy = self.buffers.contiguous(batch_last(dy))  # (P, O, Q, N)
        dx = self.buffers.empty(input_shape, np.result_type(dy, w))
        correlate_input_gradient(dy, w, self.kernel, out=dx, buffers=self.buffers)
        return batch_first(dx)

    def multiply_adds(self, output_shape: tuple[int, ...]) -> int:
        """C/G·kh·kw for every element of the result."""
        return self.weight.value.size // len(self.weight.value) * prod(output_shape)


def _side(kernel: int, stride: int, dilation: int, padding: int | Literal["same"]) -> Side:
    """A side of the kernel with its padding in numbers."""
    if padding != "same":
        return Side(kernel, stride, dilation, padding, padding)
    if stride != 1:
        raise ValueError(f'padding "same" needs a stride of 1, got {stride}')
    total = dilation * (kernel - 1)
    return Side(kernel, stride, dilation, total // 2, total - total // 2)
