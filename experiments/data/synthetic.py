"""Images made up on the spot, of any size and number: a smooth random pattern a class, plus noise.

Never touches a file, and never a float: whole numbers have the same bits on every machine.

Letters: N images, C channels, H height, W width.
"""

import numpy as np
import numpy.typing as npt

from experiments.data.dataset import Bytes, Dataset, Images

BLURS = 4  # passes: patterns a few pixels wide
NOISE = 96  # largest deviation of a pixel from its class's pattern


def make_synthetic(*, train: int, test: int, classes: int, shape: tuple[int, int, int], seed: int) -> Dataset:
    """Makes `train` + `test` images of `shape` (C, H, W) in `classes` classes, each as frequent as the others.

    An image is `clip(pattern[label] + noise, 0, 255)`, with noise uniform in [-`NOISE`, `NOISE`].

    Raises:
        ValueError: a count or a size is not positive, or there are more than 256 classes.

    >>> make_synthetic(train=8, test=4, classes=2, shape=(3, 6, 5), seed=0).train.pixels.shape
    (8, 3, 6, 5)
    """
    if min(train, test, *shape) < 1:
        raise ValueError(f"train, test and shape must be positive, got {train}, {test} and {shape}")
    if not 1 <= classes <= 256:
        raise ValueError(f"classes must lie in [1, 256], got {classes}")
    rng = np.random.default_rng(seed)
    patterns = _patterns(classes, shape, rng=rng)
    return Dataset(
        name="synthetic",
        train=_draw(patterns, train, rng=rng),
        test=_draw(patterns, test, rng=rng),
        classes=classes,
        scale=1 / 255,
    )


def _patterns(classes: int, shape: tuple[int, int, int], *, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Blurred noise, stretched to [0, 255] in each channel: (classes, C, H, W)."""
    x = rng.integers(0, 256, size=(classes, *shape))
    for axis in (2, 3) * BLURS:
        x = np.roll(x, 1, axis) + 2 * x + np.roll(x, -1, axis)  # never divided: 256 * 4**8 fits an int64
    x -= x.min(axis=(2, 3), keepdims=True)
    x *= 255
    x //= np.maximum(x.max(axis=(2, 3), keepdims=True) // 255, 1)
    return x


def _draw(patterns: npt.NDArray[np.int64], count: int, *, rng: np.random.Generator) -> Images:
    labels = rng.permutation(np.arange(count) % len(patterns)).astype(np.uint8)
    noise = rng.integers(-NOISE, NOISE, size=(count, *patterns.shape[1:]), dtype=np.int16, endpoint=True)
    noise += patterns.astype(np.int16)[labels]
    pixels: Bytes = noise.clip(0, 255).astype(np.uint8)
    return Images(pixels, labels)
