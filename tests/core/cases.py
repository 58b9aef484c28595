"""One small example of every layer, for what holds of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    simple_cnn,
)
from tests.core.arrays import Array, normal, randomize


@dataclass(frozen=True)
class Case:
    """A layer and the shape of what one image brings to it."""

    make: Callable[[npt.DTypeLike], Module]
    shape: tuple[int, ...]

    def build(self, dtype: npt.DTypeLike = np.float64) -> Module:
        module = self.make(dtype)
        randomize(module, seed=7)
        return module

    def x(self, seed: int, count: int = 5, dtype: npt.DTypeLike = np.float64) -> Array:
        return normal(seed, count, *self.shape, dtype=dtype)


def _conv(dtype: npt.DTypeLike) -> Module:
    return Conv2d(2, 3, 3, rng=np.random.default_rng(0), dtype=dtype)


def _padded_conv(dtype: npt.DTypeLike) -> Module:
    return Conv2d(2, 3, (3, 2), stride=(1, 2), padding=(2, 1), rng=np.random.default_rng(0), dtype=dtype)


def _dilated_conv(dtype: npt.DTypeLike) -> Module:
    return Conv2d(4, 6, 2, dilation=(2, 3), groups=2, rng=np.random.default_rng(0), dtype=dtype)


def _conv_of_one_tap(dtype: npt.DTypeLike) -> Module:
    return Conv2d(4, 3, 1, bias=False, rng=np.random.default_rng(0), dtype=dtype)


def _linear(dtype: npt.DTypeLike) -> Module:
    return Linear(6, 4, rng=np.random.default_rng(0), dtype=dtype)


def _conv_then_linear(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    conv = Conv2d(2, 3, 3, padding=1, rng=rng, dtype=dtype)
    fc = Linear(27, 4, rng=rng, dtype=dtype)
    return Sequential(conv=conv, relu=ReLU(), pool=MaxPool2d(2), flatten=Flatten(), fc=fc)


def _simple_cnn(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    return simple_cnn((2, 6, 7), 4, channels=[3, 2], pool=2, hidden_size=5, rng=rng, dtype=dtype)


CASES = {
    "conv": Case(_conv, (2, 6, 7)),
    "conv with padding and stride": Case(_padded_conv, (2, 6, 7)),
    "conv with dilation and groups": Case(_dilated_conv, (4, 6, 7)),
    "conv of one tap": Case(_conv_of_one_tap, (4, 6, 7)),
    "batch norm": Case(lambda dtype: BatchNorm2d(3, dtype=dtype), (3, 6, 7)),
    "global average pool": Case(lambda _: GlobalAvgPool2d(), (3, 6, 7)),
    "linear": Case(_linear, (6,)),
    "relu of images": Case(lambda _: ReLU(), (2, 6, 7)),
    "relu of features": Case(lambda _: ReLU(), (6,)),
    "flatten": Case(lambda _: Flatten(), (2, 6, 7)),
    "pool": Case(lambda _: MaxPool2d(2), (2, 6, 7)),
    "pool with overlap": Case(lambda _: MaxPool2d((3, 2), stride=(2, 1)), (2, 6, 7)),
    "sequential": Case(_conv_then_linear, (2, 6, 7)),
    "simple_cnn": Case(_simple_cnn, (2, 6, 7)),
}

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
