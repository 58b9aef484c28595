"""Images as batches of numbers: taken in an order, scaled to [0, 1] and laid out as the network reads them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cnn_core.layout import batch_first, batch_last
from experiments.data.dataset import Images
from experiments.training.augmentation import Augment


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
    """Yield all images once, the last batch smaller where they don't divide evenly.

    Args:
        images: uint8 pixels and labels; only one batch at a time is converted.
        size: images a batch.
        scale: what a pixel is multiplied by.
        dtype: of the pixels that come out.
        order: indices of the images; as they lie if not given.
        augment: what is done to the pixels of a batch before they are converted.
    """
    for start in range(0, len(images), size):
        chosen = slice(start, start + size) if order is None else order[start : start + size]
        taken = images.pixels[chosen] if augment is None else augment(images.pixels[chosen], chosen)
        pixels = batch_last(taken)  # (N, C, H, W) → (H, C, W, N)
        x = np.multiply(pixels, scale, dtype=dtype, order="C")
        yield Batch(batch_first(x), images.labels[chosen].astype(np.int64))
