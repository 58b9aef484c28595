"""Two small networks for 8×8 images that together hold most layers there are."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cnn_core import (
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    simple_cnn,
)


def pooled(dtype: npt.DTypeLike) -> Sequential:
    """Two convolutions with pooling, then two fully connected layers."""
    rng = np.random.default_rng(1)
    return simple_cnn((1, 8, 8), 10, channels=[8, 16], pool=2, hidden_size=32, rng=rng, dtype=dtype)


def normalised(dtype: npt.DTypeLike) -> Sequential:
    """Twice convolution, batch normalisation, pooling and ReLU, then global average pooling and a linear layer.

    The first time normalisation and pooling are two layers, the second time one.
    """
    rng = np.random.default_rng(1)
    return Sequential(
        conv1=Conv2d(1, 8, 3, padding=1, bias=False, rng=rng, dtype=dtype),
        norm1=BatchNorm2d(8, dtype=dtype),
        pool1=MaxPool2d(2),
        relu1=ReLU(),
        conv2=Conv2d(8, 16, 3, padding=1, bias=False, rng=rng, dtype=dtype),
        norm2=BatchNormMaxPool2d(16, 2, dtype=dtype),
        relu2=ReLU(),
        mean=GlobalAvgPool2d(),
        fc=Linear(16, 10, rng=rng, dtype=dtype),
    )


NETWORKS: dict[str, Callable[[npt.DTypeLike], Sequential]] = {"pooled": pooled, "normalised": normalised}
