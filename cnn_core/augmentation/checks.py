"""What every transformation asks of its arguments."""

import numpy as np

from cnn_core.layout import Array


def check_images(images: Array, parameters: Array, shape: tuple[int, ...]) -> None:
    """Refuse what is no batch of uint8 images with a row of parameters for each.

    Args:
        images: `(N, C, H, W)`.
        parameters: `(N, *shape)`.
        shape: of a row.

    Raises:
        ValueError: a shape does not fit, or the images are not uint8.
    """
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 (N, C, H, W), got {images.dtype} {images.shape}")
    if parameters.shape != (len(images), *shape):
        raise ValueError(f"{len(images)} images need parameters {(len(images), *shape)}, got {parameters.shape}")
