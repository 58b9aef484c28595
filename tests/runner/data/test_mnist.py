"""MNIST and Fashion-MNIST: found where they lie under any of their names, else downloaded, and never mistaken."""

import gzip
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments.data.dataset import DataError, Dataset
from experiments.data.mnist import load, load_fashion_mnist, load_mnist
from experiments.data.sources import FASHION_MNIST, MNIST
from tests.runner.data.helpers import NAMES, small_files, small_source, write_files
from tests.runner.data.server import Mirror

FILES = small_files()


def assert_small(data: Dataset) -> None:
    """Compares `data` with the bytes that `small_files` wrote."""
    assert data.train.pixels.shape == (20, 1, 28, 28)
    assert data.train.pixels.tobytes() == FILES[0][16:]
    assert data.train.labels.tobytes() == FILES[1][8:]
    assert data.test.pixels.shape == (10, 1, 28, 28)
    assert data.test.pixels.tobytes() == FILES[2][16:]
    assert data.test.labels.tobytes() == FILES[3][8:]
    assert (data.name, data.classes, data.scale) == ("small", 10, 1 / 255)
    assert data.validation is None


@pytest.mark.parametrize("folder", [".", "small"])
def test_files_are_found_in_the_root_and_in_the_folder_of_their_name(tmp_path: Path, folder: str) -> None:
    write_files(tmp_path / folder, FILES)
    assert_small(load(small_source(FILES), tmp_path))


def test_files_are_found_in_the_folder_of_a_package(tmp_path: Path) -> None:
    write_files(tmp_path / "package", FILES)
    assert_small(load(small_source(FILES, folders=(tmp_path / "package",)), tmp_path / "root"))
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.removesuffix(".gz"),
        lambda name: name.replace("-idx", ".idx"),
        lambda name: name.removesuffix(".gz").replace("-idx", ".idx"),
    ],
    ids=["plain", "dotted and gzipped", "dotted"],
)
def test_files_are_found_under_their_other_names(tmp_path: Path, rename: Callable[[str], str]) -> None:
    for name, content in zip(NAMES, FILES, strict=True):
        packed = rename(name).endswith(".gz")
        (tmp_path / rename(name)).write_bytes(gzip.compress(content) if packed else content)
    assert_small(load(small_source(FILES), tmp_path))


def test_own_folder_comes_before_the_root_which_may_hold_another_data_set(tmp_path: Path) -> None:
    write_files(tmp_path, small_files(seed=1))
    write_files(tmp_path / "small", FILES)
    assert_small(load(small_source(FILES), tmp_path))


@pytest.mark.parametrize(("index", "name"), list(enumerate(NAMES)))
def test_other_data_under_any_of_the_names_are_refused(tmp_path: Path, index: int, name: str) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / name).write_bytes(FILES[index][:-1] + b"\0")
    with pytest.raises(DataError, match=f"{name}: found other data"):
        load(small_source(FILES), tmp_path)


def test_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    write_files(tmp_path / "data", FILES)
    assert_small(load(small_source(FILES), Path("~/data")))


def test_missing_files_are_downloaded_once(mirror: Mirror, tmp_path: Path) -> None:
    for name, content in zip(NAMES, FILES, strict=True):
        mirror.serve(f"/{name}", gzip.compress(content))
    source = small_source(FILES, mirrors=(mirror.url("/"),))
    assert_small(load(source, tmp_path))
    assert_small(load(source, tmp_path))
    assert mirror.asked == dict.fromkeys((f"/{name}" for name in NAMES), 1)
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == sorted(NAMES)


def test_only_missing_files_are_downloaded(mirror: Mirror, tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / NAMES[2]).unlink()
    mirror.serve(f"/{NAMES[2]}", gzip.compress(FILES[2]))
    assert_small(load(small_source(FILES, mirrors=(mirror.url("/"),)), tmp_path))
    assert mirror.asked == {f"/{NAMES[2]}": 1}


def test_without_a_mirror_the_error_names_all_missing_files_and_their_folder(
    tmp_path: Path, waits: list[float]
) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[3]).unlink()
    with pytest.raises(DataError) as caught:
        load(small_source(FILES), tmp_path)
    assert str(caught.value).endswith(f"\nPut {NAMES[1]}, {NAMES[3]} into {tmp_path / 'small'} by hand.")
    assert len(waits) == 2


def test_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[0]).mkdir()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: cannot be read: Is a directory"):
        load(small_source(FILES), tmp_path)


def test_root_that_cannot_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written: File name too long. Choose a folder that can be"):
        load(small_source(FILES), tmp_path / ("x" * 300))


def test_either_loader_asks_for_its_own_data_set(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    with pytest.raises(DataError, match=f"expected {MNIST.train_images.sha256}"):
        load_mnist(tmp_path)
    with pytest.raises(DataError, match=f"expected {FASHION_MNIST.train_images.sha256}"):
        load_fashion_mnist(tmp_path)


@pytest.mark.parametrize("source", [MNIST, FASHION_MNIST], ids=lambda source: source.name)
def test_sources_name_the_four_canonical_files(source: object) -> None:
    assert isinstance(source, type(MNIST))
    assert tuple(file.name for file in source.files) == NAMES
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in source.files)
    assert all(mirror.endswith("/") for mirror in source.mirrors)


@pytest.mark.mnist
def test_mnist_is_what_was_published(mnist_root: Path) -> None:
    data = load_mnist(mnist_root)
    assert data.train.pixels.shape == (60_000, 1, 28, 28)
    assert data.test.pixels.shape == (10_000, 1, 28, 28)
    # LeCun's page and many since: the first labels, and the mean and deviation that everybody normalises with.
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = np.bincount(data.train.pixels.reshape(-1), minlength=256) / data.train.pixels.size
    values = np.arange(256) * data.scale
    mean = counts @ values
    assert mean == pytest.approx(0.13066, abs=5e-6)
    assert np.sqrt(counts @ (values - mean) ** 2) == pytest.approx(0.30811, abs=5e-6)


@pytest.mark.mnist
def test_loading_mnist_takes_little_more_memory_than_mnist(mnist_root: Path) -> None:
    tracemalloc.start()
    load_mnist(mnist_root)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 70_000 * 784 + 2**23
