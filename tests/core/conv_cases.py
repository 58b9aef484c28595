"""Random convolutions and poolings: shapes, rectangular windows, strides, paddings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from cnn_core import Conv2d, MaxPool2d
from tests.core.arrays import Array, normal, randomize


@dataclass(frozen=True)
class ConvCase:
    """A convolution that fits its input."""

    x_shape: tuple[int, int, int, int]  # (N, C, H, W)
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    seed: int
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True

    def x(self, dtype: npt.DTypeLike = np.float64) -> Array:
        return normal(self.seed, *self.x_shape, dtype=dtype)

    def layer(self, dtype: npt.DTypeLike = np.float64) -> Conv2d:
        """Its weights and biases are normal."""
        rng = np.random.default_rng(0)
        layer = Conv2d(
            self.x_shape[1],
            self.out_channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            rng=rng,
            dtype=dtype,
        )
        randomize(layer, self.seed + 1)
        return layer


@dataclass(frozen=True)
class PoolCase:
    """A pooling that fits its input."""

    x_shape: tuple[int, int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    seed: int

    def x(self, dtype: npt.DTypeLike = np.float64) -> Array:
        return normal(self.seed, *self.x_shape, dtype=dtype)

    def x_with_ties(self, dtype: npt.DTypeLike = np.float64) -> Array:
        """Whole numbers from 0 to 2, so that most windows hold their largest element several times."""
        return np.random.default_rng(self.seed).integers(0, 3, self.x_shape).astype(dtype)

    def layer(self) -> MaxPool2d:
        return MaxPool2d(self.kernel, stride=self.stride)


_small, _window, _step, _padding = st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 5)


@st.composite
def conv_cases(draw: st.DrawFn) -> ConvCase:
    """Padding may exceed the kernel, a stride may skip pixels, a kernel may be as large as the padded input."""
    kernel, padding = draw(st.tuples(_window, _window)), draw(st.tuples(_padding, _padding))
    dilation, groups = draw(st.tuples(_small, _small)), draw(_small)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    height, width = (max(1, s - 2 * p) + draw(st.integers(0, 4)) for s, p in zip(spans, padding, strict=True))
    return ConvCase(
        x_shape=(draw(_small), groups * draw(_small), height, width),
        out_channels=groups * draw(_small),
        kernel=kernel,
        stride=draw(st.tuples(_step, _step)),
        padding=padding,
        seed=draw(st.integers(0, 10**6)),
        dilation=dilation,
        groups=groups,
    )


@st.composite
def pool_cases(draw: st.DrawFn) -> PoolCase:
    """Windows may overlap, touch or leave gaps, and need not reach the last rows and columns."""
    kernel = draw(st.tuples(_window, _window))
    height, width = (k + draw(st.integers(0, 4)) for k in kernel)
    return PoolCase(
        x_shape=(draw(_small), draw(_small), height, width),
        kernel=kernel,
        stride=draw(st.tuples(_step, _step)),
        seed=draw(st.integers(0, 10**6)),
    )
