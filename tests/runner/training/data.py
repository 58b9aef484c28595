"""Images made by hand, for tests that need to know every pixel."""

from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.data.dataset import Dataset, Images


def images(count: int, *, shape: tuple[int, int, int] = (1, 4, 4), classes: int = 3, seed: int = 0) -> Images:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, size=(count, *shape), dtype=np.uint8)
    return Images(pixels, (np.arange(count) % classes).astype(np.uint8))


def dataset(*, train: int = 25, test: int = 11, validation: int | None = None) -> Dataset:
    kept = None if validation is None else images(validation, seed=2)
    return Dataset("by hand", images(train), images(test, seed=1), classes=3, scale=1 / 255, validation=kept)


def cross_entropy(logits: npt.NDArray[Any], labels: npt.NDArray[Any]) -> list[float]:
    """−log softmax(z)[y] of each image, straight from the definition and in double precision."""
    z = logits.astype(np.float64)
    probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return [-float(np.log(row[label])) for row, label in zip(probabilities, labels, strict=True)]
