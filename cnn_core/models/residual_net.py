"""A small residual network, in the manner of those for CIFAR-10."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnn_core.layers.batch_norm2d import BatchNorm2d
from cnn_core.layers.conv2d import Conv2d
from cnn_core.layers.dropout import Dropout
from cnn_core.layers.global_avg_pool2d import GlobalAvgPool2d
from cnn_core.layers.linear import Linear
from cnn_core.layers.relu import ReLU
from cnn_core.layers.residual import Residual
from cnn_core.module import Module
from cnn_core.sequential import Sequential
from cnn_core.windows import Side


def residual_net(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    channels: Sequence[int] = (16, 32, 64),
    blocks: int = 1,
    dropout: float = 0.0,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> Sequential:
    """Build a stem, a stage for each number of channels, then the mean of every channel → dropout → fc.

    The stem is conv → batch norm → ReLU. A stage is a number of blocks [conv → norm → ReLU → conv → norm] + shortcut,
    each followed by ReLU. Every stage but the first begins with a stride of 2; the shortcut of that block is a
    convolution of one tap with a norm, all others are the identity. Convolutions are 3×3, padded by 1, without bias.

    Args:
        input_shape: (C, H, W) of an image.
        classes: how many logits come out.
        channels: of each stage; the stem has the first's.
        blocks: residual blocks a stage.
        dropout: which share of the features is dropped before fc.
        rng: where the first weights come from, drawn layer by layer from the input on, the branch before the shortcut.
        dtype: of all parameters.

    Raises:
        ValueError: a number is too small, or a stage finds only one pixel left.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2; shortcuts of option B.

    >>> net = residual_net((1, 28, 28), 10, rng=np.random.default_rng(0))
    >>> [name for name, _ in net.named_parameters() if "shortcut" in name][:2]
    ['stage2.block1.shortcut.conv.weight', 'stage2.block1.shortcut.norm.weight']
    """
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, got {blocks}")
    residual_net_maps(input_shape, channels=channels)
    inputs = channels[0]
    layers: dict[str, Module] = {
        "stem": Sequential(
            conv=Conv2d(input_shape[0], inputs, 3, padding=1, bias=False, rng=rng, dtype=dtype),
            norm=BatchNorm2d(inputs, dtype=dtype),
            relu=ReLU(),
        )
    }
    for stage, outputs in enumerate(channels, start=1):
        members: dict[str, Module] = {}
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            members[f"block{block}"] = _block(inputs, outputs, stride=stride, rng=rng, dtype=dtype)
            members[f"relu{block}"] = ReLU()
            inputs = outputs
        layers[f"stage{stage}"] = Sequential(**members)
    layers["mean"] = GlobalAvgPool2d()
    if dropout:
        layers["dropout"] = Dropout(dropout)
    layers["fc"] = Linear(inputs, classes, rng=rng, dtype=dtype)
    return Sequential(**layers)


def residual_net_maps(input_shape: tuple[int, int, int], *, channels: Sequence[int]) -> tuple[int, int, int]:
    """The shape (C, H, W) of what reaches the last mean, which also says whether every stage has enough to normalise.

    A batch may be a single image, so an image must have more than one pixel left for a variance.

    Raises:
        ValueError: it has not; the message names the stage.

    >>> residual_net_maps((1, 28, 28), channels=[16, 32, 64])
    (64, 7, 7)
    """
    if not channels:
        raise ValueError("channels must name at least one stage, got []")
    _, height, width = input_shape
    for stage in range(1, len(channels) + 1):
        if stage > 1:
            height, width = map(Side(3, stride=2, before=1, after=1).positions, (height, width))
        if height * width < 2:
            raise ValueError(f"stage {stage} of {len(channels)}: one pixel is left, which has no variance")
    return channels[-1], height, width


def _block(inputs: int, outputs: int, *, stride: int, rng: np.random.Generator, dtype: npt.DTypeLike) -> Residual:
    branch = Sequential(
        conv1=Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False, rng=rng, dtype=dtype),
        norm1=BatchNorm2d(outputs, dtype=dtype),
        relu=ReLU(),
        conv2=Conv2d(outputs, outputs, 3, padding=1, bias=False, rng=rng, dtype=dtype),
        norm2=BatchNorm2d(outputs, dtype=dtype),
    )
    if stride == 1:
        return Residual(branch)
    shortcut = Sequential(
        conv=Conv2d(inputs, outputs, 1, stride=stride, bias=False, rng=rng, dtype=dtype),
        norm=BatchNorm2d(outputs, dtype=dtype),
    )
    return Residual(branch, shortcut)
