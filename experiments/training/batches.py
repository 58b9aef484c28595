"""Images as batches of numbers: taken in an order, scaled to [0, 1] and laid out as the network reads them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cnn_core import Buffers
from cnn_core.layout import batch_first, batch_last
from experiments.data.dataset import Bytes, Images
from experiments.training.augmentation import Augment, Places


class Batch(NamedTuple):
    """Pixels `(N, C, H, W)` and labels `(N,)`."""

    x: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]


def batches(
    images: Images,
    *,
    size: int,
    scale: float,
    dtype: npt.DTypeLike,
    order: npt.NDArray[np.int64] | None = None,
    augment: Augment | None = None,
) -> Iterator[Batch]:
    """Yield the images once, the last batch smaller where they don't divide evenly.

    Args:
        images: uint8 pixels and labels; only one batch at a time is converted.
        size: images a batch.
        scale: what a pixel is multiplied by.
        dtype: of the pixels that come out.
        order: indices of the images that come; all of them as they lie if not given.
        augment: what is done to the pixels of a batch before they are converted.
    """
    buffers = Buffers()
    for start in range(0, len(images if order is None else order), size):
        chosen = slice(start, start + size) if order is None else order[start : start + size]
        taken = _take(images.pixels, chosen, buffers)
        pixels = batch_last(taken if augment is None else augment(taken, chosen))  # (N, C, H, W) → (H, C, W, N)
        x = buffers.empty(pixels.shape, dtype)
        np.multiply(pixels, scale, out=x, dtype=dtype)
        yield Batch(batch_first(x), images.labels[chosen].astype(np.int64))


def _take(pixels: Bytes, chosen: Places, buffers: Buffers) -> Bytes:
    """The chosen images: a view of a slice, a copy of others."""
    if isinstance(chosen, slice):
        return pixels[chosen]
    taken: Bytes = buffers.empty((len(chosen), *pixels.shape[1:]), pixels.dtype)
    return np.take(pixels, chosen, axis=0, out=taken, mode="clip")  # "raise" would copy what it takes once more
