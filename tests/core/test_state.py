"""State files: round trip, no pickle, damage told from soundness, replaced whole or not at all."""

import gc
import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnn_core import Adam, load_state, save_state
from tests.core.arrays import Array, normal
from tests.core.cases import CASES

STATE = {"conv1.weight": normal(0, 2, 3, dtype=np.float32), "steps": np.array(7)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.npz"


def same(found: dict[str, Array], expected: dict[str, Array]) -> bool:
    return list(found) == list(expected) and all(
        (found[name].dtype, found[name].shape, found[name].tobytes()) == (a.dtype, a.shape, a.tobytes())
        for name, a in expected.items()
    )


def assert_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a whole \.npz file of plain arrays") as caught:
        load_state(path)
    assert str(path) in str(caught.value)


def test_round_trip_keeps_names_order_dtypes_shapes_and_bits(path: Path) -> None:
    state = {**STATE, "empty": np.empty((0, 3)), "flags": np.array([True, False]), "nan": np.array([np.nan, -0.0])}
    save_state(path, state)
    assert same(load_state(path), state)


def test_network_and_optimizer_come_back(path: Path) -> None:
    module = CASES["simple_cnn"].build()
    optimizer = Adam(module.parameters())
    optimizer.step()
    state = {**module.state_dict(), **{f"optimizer.{name}": a for name, a in optimizer.state_dict().items()}}
    save_state(path, state)
    assert same(load_state(path), state)


def test_arrays_of_any_memory_layout_come_back(path: Path) -> None:
    array = np.moveaxis(normal(0, 4, 5, 6), 0, -1)[::2]
    save_state(path, {"a": array})
    np.testing.assert_array_equal(load_state(path)["a"], array)


def test_numpy_reads_what_is_written(path: Path) -> None:
    save_state(path, STATE)
    with np.load(path) as arrays:
        assert same(dict(arrays), STATE)


def test_archives_of_numpys_own_are_read(path: Path) -> None:
    np.savez(path, allow_pickle=False, **STATE)
    assert same(load_state(path), STATE)


def test_new_file_replaces_the_old_one_and_stands_alone(path: Path) -> None:
    save_state(path, {"old": np.zeros(1000)})
    save_state(path, STATE)
    assert same(load_state(path), STATE)
    assert list(path.parent.iterdir()) == [path]


def no_disk(_: object) -> None:
    raise OSError("no space left")


@pytest.mark.parametrize("before", [True, False], ids=["over an old file", "where none was"])
def test_failing_write_leaves_what_was_there_and_no_draft(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    if before:
        save_state(path, STATE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_disk)
        with pytest.raises(OSError, match="no space left"):
            save_state(path, {"new": np.zeros(1000)})
    assert list(path.parent.iterdir()) == ([path] if before else [])
    assert not before or same(load_state(path), STATE)


def test_file_is_whole_and_on_the_disk_before_it_gets_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(path, STATE)
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(file: int) -> None:
        size = os.fstat(file).st_size
        fsync(file)
        events.append(f"synced {size} bytes")

    def watched_replace(draft: Path, target: Path) -> Path:
        assert same(load_state(target), STATE)
        assert draft.parent == target.parent
        events.append(f"replaced by {draft.stat().st_size} bytes")
        return replace(draft, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    save_state(path, {"new": np.zeros(1000)})
    size = path.stat().st_size
    assert events == [f"synced {size} bytes", f"replaced by {size} bytes"]


def test_objects_are_refused_on_writing_and_the_old_file_stays(path: Path) -> None:
    save_state(path, STATE)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_state(path, {"a": np.zeros(3), "b": np.array([{}], dtype=object)})
    assert same(load_state(path), STATE)
    assert list(path.parent.iterdir()) == [path]


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_state(tmp_path / "nowhere" / "a.npz", STATE)


def test_missing_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_state(path)


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickled_objects_are_refused_without_being_unpickled(path: Path) -> None:
    sprung = path.with_name("sprung")
    with path.open("wb") as file:
        np.savez(file, allow_pickle=True, sound=np.zeros(3), trap=np.array([Trap(sprung)], dtype=object))
    assert_refused(path)
    assert not sprung.exists()
    with np.load(path, allow_pickle=True) as arrays:
        arrays["trap"]
    assert sprung.exists()  # it was a trap


def test_bare_pickle_is_refused_without_being_unpickled(path: Path) -> None:
    sprung = path.with_name("sprung")
    path.write_bytes(pickle.dumps(Trap(sprung)))
    assert_refused(path)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"", b"\0", b"PK", b"no zip at all" * 100, b"PK\3\4" + bytes(300), b"\x93NUMPY"])
def test_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert_refused(path)


@pytest.mark.parametrize("content", [b"PK\3\4" + bytes(300), b"\x93NUMPY", b"no zip at all"])
def test_refused_file_is_closed_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        assert_refused(path)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_single_array_without_an_archive_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert_refused(path)


def test_archive_of_anything_but_arrays_is_refused(path: Path) -> None:
    np.savez(path, allow_pickle=False, **STATE)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "not an array")
    assert_refused(path)


def test_archive_to_which_something_was_added_is_refused(path: Path) -> None:
    save_state(path, STATE)
    with zipfile.ZipFile(path, "a") as archive, archive.open("more.npy", "w") as file:
        np.save(file, np.zeros(3))
    assert_refused(path)


def test_array_followed_by_something_else_is_refused(path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content.getvalue() + b"more")
    assert_refused(path)


def test_file_cut_short_anywhere_is_refused(path: Path) -> None:
    save_state(path, STATE)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert_refused(path)


def test_flipped_bit_is_refused_unless_it_changes_nothing(path: Path) -> None:
    save_state(path, STATE)
    whole = path.read_bytes()
    directory = whole.index(b"PK\1\2")
    flips = [(i, i % 8) for i in range(directory)] + [
        (i, bit) for i in range(directory, len(whole)) for bit in range(8)
    ]
    wrong = []
    for position, bit in flips:
        content = bytearray(whole)
        content[position] ^= 1 << bit
        path.write_bytes(content)
        try:
            if not same(load_state(path), STATE):
                wrong.append((position, bit, "another state"))
        except ValueError as error:
            if str(path) not in str(error):
                wrong.append((position, bit, "no path"))
        except (OSError, RuntimeError) as error:
            wrong.append((position, bit, repr(error)))
    assert wrong == []


def test_large_array_said_to_be_shorter_is_refused(path: Path) -> None:
    save_state(path, {"a": np.zeros(30_000)})
    path.write_bytes(path.read_bytes().replace(b"(30000,)", b"(20000,)"))
    assert_refused(path)
