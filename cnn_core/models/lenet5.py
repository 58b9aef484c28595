"""LeNet-5, as it is commonly built today."""

import numpy as np
import numpy.typing as npt

from cnn_core.layers.avg_pool2d import AvgPool2d
from cnn_core.layers.conv2d import Conv2d
from cnn_core.layers.flatten import Flatten
from cnn_core.layers.linear import Linear
from cnn_core.layers.tanh import Tanh
from cnn_core.sequential import Sequential
from cnn_core.windows import Side


def lenet5(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> Sequential:
    """Build [conv 5×5 → tanh → 2×2 mean] with 6, then 16 channels, then fully connected 120, 84 and the logits.

    The first convolution is padded by 2, which makes of 28×28 pixels the 32×32 of the paper. Unlike there, every
    channel of the second convolution sees all channels of the first, pooling has no weights, and the end is linear.

    Args:
        input_shape: (C, H, W) of an image.
        classes: how many logits come out.
        rng: where the first weights come from, drawn layer by layer from the input on.
        dtype: of all parameters.

    Raises:
        ValueError: an image is too small.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B.

    >>> net = lenet5((1, 28, 28), 10, rng=np.random.default_rng(0))
    >>> sum(parameter.value.size for parameter in net.parameters())
    61706
    """
    features = lenet5_features(input_shape)
    return Sequential(
        conv1=Conv2d(input_shape[0], 6, 5, padding=2, rng=rng, dtype=dtype),
        tanh1=Tanh(),
        pool1=AvgPool2d(2),
        conv2=Conv2d(6, 16, 5, rng=rng, dtype=dtype),
        tanh2=Tanh(),
        pool2=AvgPool2d(2),
        flatten=Flatten(),
        fc1=Linear(features, 120, rng=rng, dtype=dtype),
        tanh3=Tanh(),
        fc2=Linear(120, 84, rng=rng, dtype=dtype),
        tanh4=Tanh(),
        fc3=Linear(84, classes, rng=rng, dtype=dtype),
    )


def lenet5_features(input_shape: tuple[int, int, int]) -> int:
    """How many features reach fc1, which also says whether the image is large enough.

    Raises:
        ValueError: it is not.

    >>> lenet5_features((1, 28, 28))
    400
    """
    _, height, width = input_shape
    if min(height, width) < 12:
        raise ValueError(f"LeNet-5 needs images of at least 12×12, got {height}×{width}")
    for window in (Side(2, 2), Side(5), Side(2, 2)):  # the padded first convolution keeps the size
        height, width = window.positions(height), window.positions(width)
    return 16 * height * width
