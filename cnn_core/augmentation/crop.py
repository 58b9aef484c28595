"""Windows of images, enlarged to the image's size. Nothing is rotated, and height and width keep their proportion."""

import numpy as np

from cnn_core.augmentation.checks import check_images
from cnn_core.layout import Array

_STEPS = 128  # positions are rounded to this part of a pixel: then two interpolations are exact in whole numbers


def crop(images: Array, windows: Array) -> Array:
    """y[n, c, i, j] = x[n, c] at row H·(top + side·(i + ½)/H) − ½ and column W·(left + side·(j + ½)/W) − ½.

    Between pixels by bilinear interpolation; positions beyond the middle of the outermost pixels are moved there.
    Positions are rounded to 1/128 pixel; what follows is exact and rounded once, half upwards, so that the result is
    the same on every machine.

    Args:
        images: uint8 `(N, C, H, W)`.
        windows: `(N, 3)`, (top, left, side) as shares of the image's sides, in [0, 1].

    Raises:
        ValueError: the arguments do not fit, see `check_images`.

    Source: the scale augmentation of Szegedy et al., "Going Deeper with Convolutions", 2015, section 6, without its
    change of proportion. Pixels are squares with their value in the middle, as in PyTorch's `align_corners=False`.

    >>> crop(np.array([[[[0, 100, 200, 250]] * 4]], np.uint8), np.array([[0, 0, 0.5]]))[0, 0, 0]
    array([  0,  25,  75, 125], dtype=uint8)
    """
    check_images(images, windows, (3,))
    top, left, side = windows.T
    # Rows are gathered in long pieces, columns one pixel at a time: so columns are turned into rows, and back again.
    y = _interpolate_rows(_turned(images, np.int16), left, side)  # (N, C, W, H), below 2¹⁵
    y = _interpolate_rows(_turned(y, np.int32), top, side)  # (N, C, H, W), below 2²²
    y += _STEPS**2 // 2
    y //= _STEPS**2
    return y.astype(np.uint8)


def draw_windows(count: int, smallest: float, *, rng: np.random.Generator) -> Array:
    """Draw (top, left, side) for each image, `(count, 3)`: side uniform in [smallest, 1], then top and left uniform.

    >>> top, left, side = draw_windows(1, 0.8, rng=np.random.default_rng(0))[0]
    >>> bool(0.8 <= side <= 1 and 0 <= top <= 1 - side and 0 <= left <= 1 - side)
    True
    """
    side = rng.uniform(smallest, 1, size=(count, 1))
    return np.hstack([rng.uniform(size=(count, 2)) * (1 - side), side])


def _turned(x: Array, dtype: type[np.integer]) -> Array:
    """`(N, C, H, W)` → `(N, C, W, H)`, with room for what is to come."""
    return x.swapaxes(2, 3).astype(dtype, order="C")


def _interpolate_rows(x: Array, start: Array, side: Array) -> Array:
    """128·((1 − weight)·row + weight·next row) of `(N, C, H, W)`, H rows spread over each image's own window."""
    count, channels, height, width = x.shape
    row, weight = _positions(start, side, height)
    index = (np.arange(count * channels) * height).reshape(count, channels, 1) + row[:, None]  # (N, C, H)
    rows = x.reshape(-1, width)
    y: Array = rows.take(index, axis=0)  # (N, C, H, W)
    index += (row < height - 1)[:, None]  # the last row has no next one; its weight is 0
    slope = rows.take(index, axis=0)
    slope -= y
    slope *= weight.astype(x.dtype)[:, None, :, None]
    y *= _STEPS
    y += slope
    return y


def _positions(start: Array, side: Array, size: int) -> tuple[Array, Array]:
    """Where to look along one side: each image's pixels `(N, size)` and their 128ths towards the next one."""
    position = (start[:, None] + side[:, None] * ((np.arange(size) + 0.5) / size)) * size - 0.5
    steps = np.rint(position * _STEPS).astype(np.intp).clip(0, (size - 1) * _STEPS)
    return steps // _STEPS, steps % _STEPS
