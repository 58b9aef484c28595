"""Scikit-learn's 8×8 digits: the smallest real data set here, for runs that take seconds. Needs no network.

Never imports scikit-learn before it is asked to load: that takes over a second.
"""

import numpy as np

from experiments.data.cache import Origin, packaged
from experiments.data.dataset import Dataset, Images, stratified_split

TEST_IMAGES = 360  # a fifth of 1,797


def digits_origin() -> Origin:
    """What `load_digits` reads, for the cache."""
    return packaged("digits", "sklearn", "datasets/data/digits.csv.gz")


def load_digits() -> Dataset:
    """1,437 training and 360 test images of handwritten digits, (N, 1, 8, 8), with pixels from 0 to 16.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, the test part.
    """
    from sklearn import datasets  # noqa: PLC0415 (see the module's docstring)

    bunch = datasets.load_digits()
    pixels = bunch.images.astype(np.uint8)[:, np.newaxis]  # (N, 8, 8) -> (N, 1, 8, 8)
    images = Images(pixels, bunch.target.astype(np.uint8))
    train, test = stratified_split(images.labels, TEST_IMAGES)
    return Dataset("digits", images.take(train), images.take(test), classes=10, scale=1 / 16)
