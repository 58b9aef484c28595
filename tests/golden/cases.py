"""What there are golden values of: our side of it. make_golden.py has PyTorch's, under the same names."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cnn_core import (
    GELU,
    SGD,
    Adam,
    AdamW,
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
    Optimizer,
    Parameter,
    ReLU,
    Residual,
    RMSprop,
    Sigmoid,
    Tanh,
)

Build = Callable[[npt.DTypeLike], Module]
Optimize = Callable[[list[Parameter]], Optimizer]


class LayerCase(NamedTuple):
    """A layer, and the shape of an input."""

    build: Build
    shape: tuple[int, ...]


def _conv(
    inputs: int, outputs: int, kernel_size: int | tuple[int, int], shape: tuple[int, ...], **settings: object
) -> LayerCase:
    def build(dtype: npt.DTypeLike) -> Module:
        return Conv2d(inputs, outputs, kernel_size, **settings, rng=np.random.default_rng(0), dtype=dtype)  # type: ignore[arg-type]  # of any kind

    return LayerCase(build, shape)


def _dropout() -> Module:
    """Of nothing: what is dropped otherwise is no two libraries' alike."""
    layer = Dropout(0.0)
    layer.draw_from(np.random.default_rng(0))
    return layer


LAYERS = {
    "conv2d": _conv(2, 3, 3, (3, 2, 6, 5), padding=1),
    "conv2d_stride": _conv(2, 3, (3, 2), (3, 2, 7, 6), stride=(2, 3), padding=(2, 1), bias=False),
    "conv2d_dilation_groups": _conv(4, 6, (2, 3), (3, 4, 7, 8), dilation=(3, 2), groups=2),
    "conv2d_depthwise_same": _conv(3, 3, (4, 3), (3, 3, 6, 5), padding="same", groups=3),
    "max_pool2d": LayerCase(lambda _: MaxPool2d(2), (3, 2, 7, 6)),
    "max_pool2d_overlap": LayerCase(lambda _: MaxPool2d((3, 2), stride=(2, 1)), (3, 2, 7, 6)),
    "max_pool2d_gaps": LayerCase(lambda _: MaxPool2d(2, stride=3), (3, 2, 8, 7)),
    "batch_norm2d": LayerCase(lambda dtype: BatchNorm2d(3, momentum=0.3, dtype=dtype), (4, 3, 5, 4)),
    "batch_norm_max_pool2d": LayerCase(lambda dtype: BatchNormMaxPool2d(3, 2, dtype=dtype), (4, 3, 5, 4)),
    "avg_pool2d": LayerCase(lambda _: AvgPool2d((3, 2), stride=(2, 1)), (3, 2, 7, 6)),
    "global_avg_pool2d": LayerCase(lambda _: GlobalAvgPool2d(), (3, 4, 5, 3)),
    "relu": LayerCase(lambda _: ReLU(), (3, 2, 5, 4)),
    "leaky_relu": LayerCase(lambda _: LeakyReLU(0.2), (3, 2, 5, 4)),
    "gelu": LayerCase(lambda _: GELU(), (3, 2, 5, 4)),
    "tanh": LayerCase(lambda _: Tanh(), (3, 2, 5, 4)),
    "sigmoid": LayerCase(lambda _: Sigmoid(), (3, 2, 5, 4)),
    "dropout": LayerCase(lambda _: _dropout(), (6, 5)),
    "flatten": LayerCase(lambda _: Flatten(), (3, 2, 4, 3)),
    "linear": LayerCase(lambda dtype: Linear(7, 5, rng=np.random.default_rng(0), dtype=dtype), (6, 7)),
    "residual": LayerCase(
        lambda dtype: Residual(Conv2d(3, 3, 3, padding=1, rng=np.random.default_rng(0), dtype=dtype)), (3, 3, 5, 4)
    ),
}

SMOOTHINGS = {"cross_entropy": 0.0, "cross_entropy_smoothed": 0.1}

OPTIMIZERS: dict[str, Optimize] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "sgd_momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01),
    "sgd_nesterov": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda parameters: Adam(parameters, lr=0.05, weight_decay=0.01),
    "adamw": lambda parameters: AdamW(parameters, lr=0.05, weight_decay=0.1),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.05, momentum=0.5),
}


class CurveCase(NamedTuple):
    """A network of tests/core/networks.py and its optimizer."""

    network: str
    optimize: Optimize


CURVES = {
    "curve_pooled_sgd": CurveCase("pooled", lambda parameters: SGD(parameters, lr=0.03, momentum=0.9)),
    "curve_normalised_adam": CurveCase("normalised", lambda parameters: Adam(parameters, lr=0.003)),
}
CURVE_STEPS = 30
