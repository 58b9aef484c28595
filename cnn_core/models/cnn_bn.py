"""Convolutions with batch normalisation, in stages, with a mean over the image at the end."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnn_core.layers.batch_norm2d import BatchNorm2d
from cnn_core.layers.batch_norm_max_pool2d import BatchNormMaxPool2d
from cnn_core.layers.conv2d import Conv2d
from cnn_core.layers.dropout import Dropout
from cnn_core.layers.global_avg_pool2d import GlobalAvgPool2d
from cnn_core.layers.linear import Linear
from cnn_core.layers.relu import ReLU
from cnn_core.module import Module
from cnn_core.sequential import Sequential


def cnn_bn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    channels: Sequence[int] = (32, 64, 128),
    blocks: int = 1,
    kernel_size: int = 3,
    dropout: float = 0.0,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> Sequential:
    """Build a stage for each number of channels, then the mean of every channel → dropout → fc.

    A stage is a number of blocks [conv → batch norm → ReLU] and a max pooling by 2, which stands before the last ReLU:
    the same function as behind it, on a quarter of the elements. Convolutions keep the size and have no bias, which
    the normalisation would take away again.

    Args:
        input_shape: (C, H, W) of an image.
        classes: how many logits come out.
        channels: of each stage.
        blocks: convolutions a stage.
        kernel_size: of every convolution.
        dropout: which share of the features is dropped before fc.
        rng: where the first weights come from, drawn layer by layer from the input on.
        dtype: of all parameters.

    Raises:
        ValueError: a number is too small, or a stage finds too little left to be pooled.

    >>> net = cnn_bn((1, 28, 28), 10, blocks=2, rng=np.random.default_rng(0))
    >>> [name for name, _ in net.named_parameters()][3:6]
    ['stage1.conv2.weight', 'stage1.norm2.weight', 'stage1.norm2.bias']
    """
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, got {blocks}")
    cnn_bn_maps(input_shape, channels=channels)
    layers: dict[str, Module] = {}
    inputs = input_shape[0]
    for stage, outputs in enumerate(channels, start=1):
        layers[f"stage{stage}"] = _stage(inputs, outputs, blocks=blocks, kernel_size=kernel_size, rng=rng, dtype=dtype)
        inputs = outputs
    layers["mean"] = GlobalAvgPool2d()
    if dropout:
        layers["dropout"] = Dropout(dropout)
    layers["fc"] = Linear(inputs, classes, rng=rng, dtype=dtype)
    return Sequential(**layers)


def cnn_bn_maps(input_shape: tuple[int, int, int], *, channels: Sequence[int]) -> tuple[int, int, int]:
    """The shape (C, H, W) of what reaches the last mean, which also says whether every pooling fits.

    Raises:
        ValueError: one does not; the message names the stage.

    >>> cnn_bn_maps((1, 28, 28), channels=[32, 64, 128])
    (128, 3, 3)
    """
    if not channels:
        raise ValueError("channels must name at least one stage, got []")
    _, height, width = input_shape
    for stage in range(1, len(channels) + 1):
        if min(height, width) < 2:
            raise ValueError(f"stage {stage} of {len(channels)}: pooling by 2 leaves nothing of {height}×{width}")
        height, width = height // 2, width // 2
    return channels[-1], height, width


def _stage(
    inputs: int, outputs: int, *, blocks: int, kernel_size: int, rng: np.random.Generator, dtype: npt.DTypeLike
) -> Sequential:
    layers: dict[str, Module] = {}
    for block in range(1, blocks + 1):
        layers[f"conv{block}"] = Conv2d(inputs, outputs, kernel_size, padding="same", bias=False, rng=rng, dtype=dtype)
        last = block == blocks
        layers[f"norm{block}"] = (
            BatchNormMaxPool2d(outputs, 2, dtype=dtype) if last else BatchNorm2d(outputs, dtype=dtype)
        )
        layers[f"relu{block}"] = ReLU()
        inputs = outputs
    return Sequential(**layers)
