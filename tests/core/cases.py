"""One small example of every layer, for what holds of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import (
    GELU,
    AvgPool2d,
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    cnn_bn,
    residual_net,
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


class Redrawn(Sequential):
    """Modules whose forward passes all draw the same, so that they are one function."""

    def forward(self, x: Array) -> Array:
        self.draw_from(np.random.default_rng(5))
        return super().forward(x)


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


def _residual(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    conv1 = Conv2d(2, 2, 3, padding="same", bias=False, rng=rng, dtype=dtype)
    conv2 = Conv2d(2, 2, 3, padding="same", rng=rng, dtype=dtype)
    return Residual(Sequential(conv1=conv1, norm=BatchNorm2d(2, dtype=dtype), relu=ReLU(), conv2=conv2))


def _residual_with_shortcut(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    branch = Conv2d(2, 3, 3, stride=2, padding=1, rng=rng, dtype=dtype)
    return Residual(branch, Conv2d(2, 3, 1, stride=2, bias=False, rng=rng, dtype=dtype))


def _dropout_between(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    fc1, fc2 = Linear(6, 7, rng=rng, dtype=dtype), Linear(7, 4, rng=rng, dtype=dtype)
    return Redrawn(drop1=Dropout(0.2), fc1=fc1, drop2=Dropout(0.5), fc2=fc2)


def _simple_cnn(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    return simple_cnn((2, 6, 7), 4, channels=[3, 2], pool=2, hidden_size=5, rng=rng, dtype=dtype)


def _cnn_bn(dtype: npt.DTypeLike) -> Module:
    rng = np.random.default_rng(0)
    net = cnn_bn((2, 6, 7), 4, channels=[3, 2], blocks=2, dropout=0.2, rng=rng, dtype=dtype)
    return Redrawn(net=net)


def _residual_net(dtype: npt.DTypeLike) -> Module:
    return residual_net((2, 6, 7), 4, channels=[2, 3], rng=np.random.default_rng(0), dtype=dtype)


CASES = {
    "conv": Case(_conv, (2, 6, 7)),
    "conv with padding and stride": Case(_padded_conv, (2, 6, 7)),
    "conv with dilation and groups": Case(_dilated_conv, (4, 6, 7)),
    "conv of one tap": Case(_conv_of_one_tap, (4, 6, 7)),
    "batch norm": Case(lambda dtype: BatchNorm2d(3, dtype=dtype), (3, 6, 7)),
    "batch norm and max pool": Case(lambda dtype: BatchNormMaxPool2d(3, 2, dtype=dtype), (3, 6, 7)),
    "global average pool": Case(lambda _: GlobalAvgPool2d(), (3, 6, 7)),
    "average pool": Case(lambda _: AvgPool2d(2), (2, 6, 7)),
    "average pool with overlap": Case(lambda _: AvgPool2d((3, 2), stride=(2, 1)), (2, 6, 7)),
    "linear": Case(_linear, (6,)),
    "relu of images": Case(lambda _: ReLU(), (2, 6, 7)),
    "relu of features": Case(lambda _: ReLU(), (6,)),
    "leaky relu": Case(lambda _: LeakyReLU(0.1), (2, 6, 7)),
    "gelu of images": Case(lambda _: GELU(), (2, 6, 7)),
    "gelu of features": Case(lambda _: GELU(), (6,)),
    "tanh": Case(lambda _: Tanh(), (2, 6, 7)),
    "sigmoid": Case(lambda _: Sigmoid(), (2, 6, 7)),
    "dropout": Case(lambda _: Redrawn(drop=Dropout(0.3)), (2, 6, 7)),
    "dropout between": Case(_dropout_between, (6,)),
    "flatten": Case(lambda _: Flatten(), (2, 6, 7)),
    "pool": Case(lambda _: MaxPool2d(2), (2, 6, 7)),
    "pool with overlap": Case(lambda _: MaxPool2d((3, 2), stride=(2, 1)), (2, 6, 7)),
    "residual": Case(_residual, (2, 6, 7)),
    "residual with shortcut": Case(_residual_with_shortcut, (2, 6, 7)),
    "sequential": Case(_conv_then_linear, (2, 6, 7)),
    "simple_cnn": Case(_simple_cnn, (2, 6, 7)),
    "cnn_bn": Case(_cnn_bn, (2, 6, 7)),
    "residual_net": Case(_residual_net, (2, 6, 7)),
}

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
