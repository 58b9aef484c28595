"""Images moved by whole pixels."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnn_core.augmentation.checks import check_images
from cnn_core.layout import Array


def shift(images: Array, offsets: Array) -> Array:
    """y[n, c, h, w] = x[n, c, h − down[n], w − right[n]], and 0 where that lies outside of the image.

    The same as a window of the image's own size, cut out of the image padded with zeros.

    Args:
        images: uint8 `(N, C, H, W)`.
        offsets: whole numbers `(N, 2)`, (down, right).

    Raises:
        ValueError: the arguments do not fit, see `check_images`.

    Source: the padded crops of Lee et al., "Deeply-Supervised Nets", 2015, and He et al., "Deep Residual Learning for
    Image Recognition", 2016.

    >>> shift(np.array([[[[1, 2], [3, 4]]]], np.uint8), np.array([[1, 0]]))
    array([[[[0, 0],
             [1, 2]]]], dtype=uint8)
    """
    check_images(images, offsets, (2,))
    count, channels, height, width = images.shape
    limit = int(np.abs(offsets).max(initial=0))
    padded = np.zeros((count, channels, height + 2 * limit, width + 2 * limit), np.uint8)
    padded[:, :, limit : limit + height, limit : limit + width] = images
    windows = sliding_window_view(padded, (height, width), axis=(2, 3))  # (N, C, 2·limit + 1, 2·limit + 1, H, W)
    top, left = (limit - offsets).T
    return windows[np.arange(count), :, top, left]  # (N, C, H, W)


def draw_offsets(count: int, limit: int, *, rng: np.random.Generator) -> Array:
    """Draw (down, right) for each image, `(count, 2)`, every whole number from −limit to limit as likely as the others.

    >>> draw_offsets(3, 2, rng=np.random.default_rng(0)).shape
    (3, 2)
    """
    return rng.integers(-limit, limit, size=(count, 2), endpoint=True)
