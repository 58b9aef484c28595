"""Images with a square taken out."""

import numpy as np

from cnn_core.augmentation.checks import check_images
from cnn_core.layout import Array


def cutout(images: Array, centres: Array, side: int) -> Array:
    """y = 0 in a square of all channels, the image as it is around it.

    The square covers rows from centre − ⌊side/2⌋ on, `side` of them, and columns likewise; where it reaches beyond the
    image it is cut off. So an image loses at least a quarter of a square, and at times no more.

    Args:
        images: uint8 `(N, C, H, W)`.
        centres: whole numbers `(N, 2)`, (row, column).
        side: of the square, in pixels.

    Raises:
        ValueError: the arguments do not fit, see `check_images`.

    Source: DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017, the variant
    they found best: centres anywhere in the image. They take out of normalised images; 0 is black here.

    >>> cutout(np.full((1, 1, 3, 3), 7, np.uint8), np.array([[0, 1]]), 2)
    array([[[[0, 0, 7],
             [7, 7, 7],
             [7, 7, 7]]]], dtype=uint8)
    """
    check_images(images, centres, (2,))
    rows, columns = (_outside(centres[:, axis], side, images.shape[2 + axis]) for axis in (0, 1))  # (N, H), (N, W)
    kept = rows[:, None, :, None] | columns[:, None, None, :]  # (N, 1, H, W)
    return images * kept


def draw_centres(count: int, height: int, width: int, *, rng: np.random.Generator) -> Array:
    """Draw (row, column) for each image, `(count, 2)`, every pixel of the image as likely as the others.

    >>> draw_centres(3, 28, 28, rng=np.random.default_rng(0)).shape
    (3, 2)
    """
    return rng.integers([height, width], size=(count, 2))


def _outside(centre: Array, side: int, size: int) -> Array:
    """Which of `size` places lie outside of each image's square, `(N, size)`."""
    distance = np.arange(size) - (centre[:, None] - side // 2)
    outside: Array = (distance < 0) | (distance >= side)
    return outside
