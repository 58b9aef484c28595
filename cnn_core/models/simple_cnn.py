"""The family of the network this project began with: convolutions, then two fully connected layers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnn_core.layers.conv2d import Conv2d
from cnn_core.layers.flatten import Flatten
from cnn_core.layers.linear import Linear
from cnn_core.layers.max_pool2d import MaxPool2d
from cnn_core.layers.relu import ReLU
from cnn_core.module import Module
from cnn_core.sequential import Sequential
from cnn_core.windows import Side


def simple_cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    channels: Sequence[int] = (8,),
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 1,
    pool: int = 1,
    hidden_size: int = 128,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> Sequential:
    """Build [conv → max pool → ReLU] a number of channels, then flatten → fc1 → ReLU → fc2.

    Pooling before ReLU is the same function as after it, on fewer elements.

    Args:
        input_shape: (C, H, W) of an image.
        classes: how many logits come out.
        channels: output channels of each convolution.
        kernel_size: of every convolution; likewise stride and padding.
        pool: side and stride of the max pooling after each convolution; 1 means none.
        hidden_size: width of fc1.
        rng: where the first weights come from, drawn layer by layer from the input on.
        dtype: of all parameters.

    Raises:
        ValueError: a number is too small, or a kernel or pooling does not fit what reaches it.

    >>> net = simple_cnn((1, 28, 28), 10, rng=np.random.default_rng(0))
    >>> [f"{name} {p.value.shape}" for name, p in net.named_parameters()][:3]
    ['conv1.weight (8, 1, 3, 3)', 'conv1.bias (8,)', 'fc1.weight (128, 6272)']
    """
    features = simple_cnn_features(
        input_shape, channels=channels, kernel_size=kernel_size, stride=stride, padding=padding, pool=pool
    )
    layers: dict[str, Module] = {}
    inputs = input_shape[0]
    for number, outputs in enumerate(channels, start=1):
        layers[f"conv{number}"] = Conv2d(
            inputs, outputs, kernel_size, stride=stride, padding=padding, rng=rng, dtype=dtype
        )
        if pool > 1:
            layers[f"pool{number}"] = MaxPool2d(pool)
        layers[f"relu{number}"] = ReLU()
        inputs = outputs
    layers["flatten"] = Flatten()
    layers["fc1"] = Linear(features, hidden_size, rng=rng, dtype=dtype)
    layers[f"relu{len(channels) + 1}"] = ReLU()
    layers["fc2"] = Linear(hidden_size, classes, rng=rng, dtype=dtype)
    return Sequential(**layers)


def simple_cnn_features(
    input_shape: tuple[int, int, int],
    *,
    channels: Sequence[int],
    kernel_size: int,
    stride: int,
    padding: int,
    pool: int,
) -> int:
    """How many features reach fc1, which also says whether every kernel and pooling fits.

    Raises:
        ValueError: one does not; the message names the block.

    >>> simple_cnn_features((1, 28, 28), channels=[8], kernel_size=3, stride=1, padding=1, pool=2)
    1568
    """
    if not channels:
        raise ValueError("channels must name at least one convolution, got []")
    _, height, width = input_shape
    for number in range(1, len(channels) + 1):
        try:
            height, width = map(Side(kernel_size, stride, before=padding, after=padding).positions, (height, width))
            height, width = map(Side(pool, pool).positions, (height, width))
        except ValueError as error:
            raise ValueError(f"block {number} of {len(channels)}: {error}") from error
    return channels[-1] * height * width
