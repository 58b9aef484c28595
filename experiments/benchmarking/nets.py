"""The networks that are measured, and the batches they are measured on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnn_core import Module, Sequential, cnn_bn, simple_cnn
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
            return cnn_bn(IMAGE, CLASSES, channels=[32, 64, 128], rng=rng)
        case _:
            raise ValueError(f"nets are {', '.join(NETS)}, got {name}")


def layers(net: Sequential, prefix: str = "") -> Iterator[tuple[str, Module]]:
    """All layers in the order of the forward pass, those of a network within the network by its name and theirs.

    >>> [name for name, _ in layers(build_net("c"))][:4]
    ['stage1.conv1', 'stage1.norm1', 'stage1.relu1', 'stage2.conv1']
    """
    for name, layer in net.layers.items():
        if isinstance(layer, Sequential):
            yield from layers(layer, f"{prefix}{name}.")
        else:
            yield prefix + name, layer
