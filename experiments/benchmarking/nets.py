"""The networks that are measured, and the batches they are measured on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_core import BatchNorm2d, Conv2d, GlobalAvgPool2d, Linear, MaxPool2d, ReLU, Sequential, simple_cnn
from cnn_core.layout import batch_first, batch_last

IMAGE = (1, 28, 28)  # C, H, W
CLASSES = 10

NETS = {
    "a": "conv 1→8, fc 6272→128→10",
    "b": "conv 1→16→32 with pooling, fc 1568→128→10",
    "c": "conv 1→32→64→128 with batch norm and pooling, mean, fc 128→10",
}


@dataclass(frozen=True)
class Images:
    """A batch: pixels `(N, C, H, W)` of random numbers, and labels `(N,)`."""

    pixels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def random_images(count: int) -> Images:
    """The same batch every time, its memory in the order in which the runner hands batches over."""
    rng = np.random.default_rng(count)
    pixels = rng.standard_normal((count, *IMAGE), np.float32)
    return Images(batch_first(np.ascontiguousarray(batch_last(pixels))), rng.integers(0, CLASSES, count))


def build_net(name: str) -> Sequential:
    """Build a network in float32, with the same first weights every time.

    >>> [*build_net("a").layers]
    ['conv1', 'relu1', 'flatten', 'fc1', 'relu2', 'fc2']
    """
    rng = np.random.default_rng(0)
    match name:
        case "a":
            return simple_cnn(IMAGE, CLASSES, channels=[8], rng=rng)
        case "b":
            return simple_cnn(IMAGE, CLASSES, channels=[16, 32], pool=2, rng=rng)
        case "c":
            return _batch_norm_net([32, 64, 128], rng)
        case _:
            raise ValueError(f"nets are {', '.join(NETS)}, got {name}")


def _batch_norm_net(channels: list[int], rng: np.random.Generator) -> Sequential:
    """[conv → batch norm → max pool → ReLU] a number of channels, then global mean → fc1.

    Pooling before ReLU is the same function as after it, on a quarter of the elements.
    """
    layers: dict[str, Any] = {}
    for number, (inputs, outputs) in enumerate(zip([IMAGE[0], *channels], channels, strict=False), start=1):
        layers[f"conv{number}"] = Conv2d(inputs, outputs, 3, padding="same", bias=False, rng=rng)
        layers[f"norm{number}"] = BatchNorm2d(outputs)
        layers[f"pool{number}"] = MaxPool2d(2)
        layers[f"relu{number}"] = ReLU()
    return Sequential(**layers, mean=GlobalAvgPool2d(), fc1=Linear(channels[-1], CLASSES, rng=rng))
