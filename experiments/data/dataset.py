"""What a data set is: labelled uint8 images for training, testing and, if asked for, validation.

Never reads a file, never scales a pixel and never draws from a run's seed: a split belongs to the data.

Letters: N images, C channels, H height, W width.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.errors import UserError

Bytes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]

SPLIT_SEED = 20_250_101


class DataError(UserError):
    """A fault in the data that the user can mend; the message says what, where and how to mend it."""


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images: `pixels` (N, C, H, W) and `labels` (N,), both uint8.

    Raises:
        ValueError: the arrays are not uint8 or their shapes do not fit.
    """

    pixels: Bytes
    labels: Bytes

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.labels.dtype != np.uint8:
            raise ValueError(f"pixels and labels are uint8, got {self.pixels.dtype} and {self.labels.dtype}")
        if self.pixels.ndim != 4 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(
                f"pixels are (N, C, H, W) and labels (N,), got {self.pixels.shape} and {self.labels.shape}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.integer[Any]]) -> "Images":
        """The images at `indices`, in their order, as a copy."""
        return Images(self.pixels[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set of `classes` classes; `pixels * scale` lies in [0, 1]."""

    name: str
    train: Images
    test: Images
    classes: int
    scale: float
    validation: Images | None = None
    _frozen_digest: str | None = field(default=None, init=False, repr=False)

    def freeze(self) -> "Dataset":
        """Makes its arrays read-only, computes its digest for the last time, and returns itself."""
        for _, array in self.arrays():
            array.flags.writeable = False
        object.__setattr__(self, "_frozen_digest", self.digest())
        return self

    def digest(self) -> str:
        """Sha256 in hexadecimal of all arrays.

        Hashed in this order: train, test and (if there is one) validation; of each the pixels, then the labels; of
        each array a line such as `train.pixels 4000,1,28,28`, then its bytes in C order.
        """
        if self._frozen_digest is not None:
            return self._frozen_digest
        total = hashlib.sha256()
        for name, array in self.arrays():
            total.update(f"{name} {','.join(map(str, array.shape))}\n".encode())
            total.update(np.ascontiguousarray(array).reshape(-1).data)  # hashlib takes flat buffers
        return total.hexdigest()

    def arrays(self) -> Iterator[tuple[str, Bytes]]:
        """Every array with its name, such as `train.pixels`."""
        for name, images in (("train", self.train), ("test", self.test), ("validation", self.validation)):
            if images is not None:
                yield f"{name}.pixels", images.pixels
                yield f"{name}.labels", images.labels

    def with_validation(self, fraction: float) -> "Dataset":
        """Moves a stratified `fraction` of the training images into `validation`; 0 returns the same object.

        Raises:
            ValueError: `fraction` is outside [0, 1), or there are validation images already.
            DataError: either part would be empty.
        """
        if not 0 <= fraction < 1:  # also refuses nan
            raise ValueError(f"validation_fraction must lie in [0, 1), got {fraction}")
        if fraction == 0:
            return self
        if self.validation is not None:
            raise ValueError(f"{self.name} has {len(self.validation)} validation images already")
        count = round(fraction * len(self.train))
        if not 0 < count < len(self.train):
            raise DataError(
                f"validation_fraction={fraction} moves {count} of the {len(self.train):,} training images of "
                f"{self.name}, which leaves one part empty. Choose another fraction, or 0 for no validation."
            )
        kept, moved = stratified_split(self.train.labels, count)
        return replace(self, train=self.train.take(kept), validation=self.train.take(moved))


def stratified_split(labels: Bytes, second: int) -> tuple[Indices, Indices]:
    """Splits the images of `labels` (N,) into parts of N - `second` and `second` with equal shares of each class.

    Every class's share is exact to within one image: quotas by the largest remainder. Both parts come shuffled, in
    an order that depends on nothing but `labels` and `second`.

    Returns:
        The indices of the first and of the second part.

    Raises:
        ValueError: `second` is outside [0, N].

    >>> first, second = stratified_split(np.array([0, 0, 0, 0, 1, 1], np.uint8), 3)
    >>> sorted([0, 0, 0, 0, 1, 1][i] for i in second)
    [0, 0, 1]
    """
    if not 0 <= second <= len(labels):
        raise ValueError(f"second must lie in [0, {len(labels)}], got {second}")
    bits = np.random.PCG64(SPLIT_SEED)
    order = _permutation(len(labels), bits)
    in_second = np.zeros(len(labels), dtype=bool)
    for label, quota in _quotas(labels, second).items():
        in_second[order[labels[order] == label][:quota]] = True
    # Another order than the one that chose: in that, each class's images of the second part come before the first's.
    order = _permutation(len(labels), bits)
    return order[~in_second[order]], order[in_second[order]]


def _permutation(count: int, bits: np.random.PCG64) -> Indices:
    # NumPy may change Generator.permutation in any release; a bit generator's raw stream it promises to keep.
    return np.argsort(bits.random_raw(count), kind="stable")


def _quotas(labels: Bytes, second: int) -> dict[int, int]:
    """How many images of each class go to the second part: Hamilton's method, in whole numbers."""
    classes, counts = np.unique(labels, return_counts=True)
    quotas, remainders = np.divmod(second * counts, max(len(labels), 1))
    missing = second - int(quotas.sum())
    quotas[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return dict(zip(classes.tolist(), quotas.tolist(), strict=True))
