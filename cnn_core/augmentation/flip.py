"""Images as in a mirror."""

import numpy as np

from cnn_core.augmentation.checks import check_images
from cnn_core.layout import Array


def flip(images: Array, flags: Array) -> Array:
    """y[n, c, h, w] = x[n, c, h, W − 1 − w] where the image's flag is set, else the image as it is.

    Args:
        images: uint8 `(N, C, H, W)`.
        flags: booleans `(N,)`.

    Raises:
        ValueError: the arguments do not fit, see `check_images`.

    >>> flip(np.array([[[[1, 2, 3]]], [[[4, 5, 6]]]], np.uint8), np.array([True, False]))
    array([[[[3, 2, 1]]],
    <BLANKLINE>
    <BLANKLINE>
           [[[4, 5, 6]]]], dtype=uint8)
    """
    check_images(images, flags, ())
    flipped = images.copy()
    flipped[flags] = images[flags][..., ::-1]
    return flipped


def draw_flags(count: int, *, rng: np.random.Generator) -> Array:
    """Draw `(count,)` booleans, either one with probability ½.

    >>> draw_flags(3, rng=np.random.default_rng(0)).dtype
    dtype('bool')
    """
    return rng.integers(2, size=count, dtype=bool)
