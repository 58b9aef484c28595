"""State files from strangers: read as NumPy reads them or refused cheaply, whatever they say of themselves."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from cnn_core import load_state, save_state
from tests.core.arrays import Array

LITTLE = 16 * 2**20  # bytes that reading a small file may take, zip's directory and all
GIGABYTE = 2**30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stranger.npz"


def npy(header: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A file in NumPy's format whose header says this, true or not."""
    text = header.encode("latin1") if isinstance(header, str) else header
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def header(descr: str = "'<f4'", order: str = "False", shape: str = "(3,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def archive(path: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)


def refusal(path: Path, **limits: int) -> str:
    """Why a file is refused, which must be found out at little expense."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"is not a whole \.npz file of plain arrays") as caught:
            load_state(path, **limits)
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    return str(caught.value)


# What is read


SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 4), (1,) * 20]
DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "<f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16"]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)], ids=str)
def test_every_shape_type_and_order_is_read_as_numpy_reads_it(version: tuple[int, int], path: Path) -> None:
    rng = np.random.default_rng(0)
    for dtype in DTYPES:
        for shape in SHAPES:
            made = np.array(rng.integers(100, size=shape)).astype(dtype)
            for array in (made, np.asfortranarray(made)):
                content = io.BytesIO()
                np.lib.format.write_array(content, array, version=version, allow_pickle=False)
                archive(path, ("a.npy", content.getvalue()))
                found = load_state(path)["a"]
                assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
                assert found.flags.writeable


def test_packed_archives_of_numpys_own_are_read(path: Path) -> None:
    state = {"zeros": np.zeros(300_000), "numbers": np.random.default_rng(0).standard_normal((300, 500))}
    np.savez_compressed(path, allow_pickle=False, **state)
    found = load_state(path)
    assert list(found) == list(state)
    assert all(np.array_equal(found[name], state[name]) for name in state)


def test_limit_is_what_all_arrays_together_may_have(path: Path) -> None:
    save_state(path, {"a": np.zeros(1000), "b": np.zeros((10, 100), np.float32)})
    assert set(load_state(path, limit=12_000)) == {"a", "b"}
    assert "its arrays have 12000 bytes, more than the limit of 11999" in refusal(path, limit=11_999)


# What is refused: arrays

HEADERS: dict[str, str | bytes] = {
    "objects": header("'|O'"),
    "a structure": header("[('a', '<f4'), ('b', '<f4')]"),
    "a structure within an array": header("[('a', '<f4', (10, 10))]"),
    "text": header("'<U3'"),
    "bytes": header("'|S4'"),
    "raw memory": header("'|V4'"),
    "times": header("'<M8[s]'"),
    "a type there is not": header("'<f3'"),
    "a type of no size": header("'<f0'"),
    "a negative side": header(shape="(-3,)"),
    "two negative sides": header(shape="(-1, -3)"),
    "a side that is no number": header(shape="(x,)"),
    "a side with a fraction": header(shape="(3.0,)"),
    "a true side": header(shape="(True,)"),
    "a number for a shape": header(shape="3"),
    "a large side": header(shape="(1000000000000,)"),
    "sides with a large product": header(shape="(65536, 65536, 65536, 65536)"),
    "a product beyond 64 bits that wraps round to 12": header(shape="(4611686018427387907,)"),
    "a side of thousands of digits": header(shape="(" + "9" * 9000 + ",)"),
    "a large side of nothing": header(shape="(1000000000000000000000000000000, 0)"),
    "more sides than an array has": header(shape="(" + "1, " * 100 + "3)"),
    "an order that is none": header(order="0"),
    "a key too few": "{'descr': '<f4', 'shape': (3,), }\n",
    "a key too many": "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}\n",
    "code": "{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(),), }\n",
    "deep brackets": "(" * 9000,
    "many signs": "-" * 9000 + "1\n",
    "nothing": "",
    "bytes that are no text": b"\xff" * 100,
    "digits of another script": header(shape="(٣,)".encode().decode("latin1")),
    "text beyond its own end": header() + "{'descr': '<f8'}\n",
}


@pytest.mark.parametrize("said", HEADERS.values(), ids=HEADERS.keys())
@pytest.mark.parametrize("version", [(1, 0), (3, 0)], ids=str)
def test_header_that_says_what_cannot_be_is_refused(said: str | bytes, version: tuple[int, int], path: Path) -> None:
    archive(path, ("a.npy", npy(said, bytes(12), version)))
    assert "a.npy: " in refusal(path)


def test_the_header_that_those_are_made_from_is_read(path: Path) -> None:
    archive(path, ("a.npy", npy(header(), np.arange(3, dtype="<f4").tobytes())))
    assert load_state(path)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("version", [(0, 0), (1, 1), (4, 0), (255, 255)], ids=str)
def test_version_there_is_not_is_refused(version: tuple[int, int], path: Path) -> None:
    archive(path, ("a.npy", npy(header(), bytes(12), version)))
    assert "a.npy: it does not begin as an array" in refusal(path)


@pytest.mark.parametrize("length", [10_001, 2**31, 2**32 - 1])
def test_long_header_is_not_even_read(length: int, path: Path) -> None:
    archive(path, ("a.npy", b"\x93NUMPY\3\0" + struct.pack("<I", length) + b" " * 20_000))
    assert f"its header has {length} bytes, more than 10000" in refusal(path)


@pytest.mark.parametrize("data", [b"", bytes(11), bytes(13), bytes(24)], ids=len)
def test_array_that_has_not_the_bytes_its_header_speaks_of_is_refused(data: bytes, path: Path) -> None:
    archive(path, ("a.npy", npy(header(), data)))
    assert "by its own header" in refusal(path)


# What is refused: archives


def bomb(size: int) -> bytes:
    """An array of zeros of this many bytes, which packs to a thousandth."""
    return npy(header("'|u1'", shape=f"({size},)"), bytes(size))


def test_archive_that_unpacks_beyond_the_limit_is_refused_before_it_is_unpacked(path: Path) -> None:
    archive(path, ("a.npy", bomb(64 * 2**20)), method=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    assert "more than the limit" in refusal(path, limit=2**20)


def test_many_arrays_that_are_only_together_beyond_the_limit_are_refused(path: Path) -> None:
    archive(path, *((f"{i}.npy", bomb(2**20)) for i in range(40)), method=zipfile.ZIP_DEFLATED)
    assert "more than the limit" in refusal(path, limit=39 * 2**20)


def overwritten(path: Path, signature: bytes, offset: int, value: bytes) -> None:
    """Change a field of an archive's last record that has this signature."""
    content = bytearray(path.read_bytes())
    start = content.rindex(signature) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


LARGE = struct.pack("<I", 3 * GIGABYTE)
LARGE_HEADER = header("'|u1'", shape=f"({3 * GIGABYTE - 77},)")
assert len(npy(LARGE_HEADER)) == 77  # so that it agrees with what the directory is made to say
DIRECTORY = b"PK\1\2"
END = b"PK\5\6"
FIELDS: dict[str, tuple[bytes, int, bytes]] = {
    "unpacked size": (DIRECTORY, 24, LARGE),
    "packed size": (DIRECTORY, 20, LARGE),
    "both sizes": (DIRECTORY, 20, LARGE + LARGE),
    "place": (DIRECTORY, 42, LARGE),
    "method": (DIRECTORY, 10, struct.pack("<H", zipfile.ZIP_LZMA)),
    "method that is none": (DIRECTORY, 10, struct.pack("<H", 77)),
    "version that is needed": (DIRECTORY, 6, struct.pack("<H", 99)),
    "encryption": (DIRECTORY, 8, struct.pack("<H", 1)),
    "size of the directory": (END, 12, LARGE),
    "place of the directory": (END, 16, LARGE),
}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "packed"])
@pytest.mark.parametrize("field", FIELDS)
def test_archive_that_lies_about_itself_is_refused(field: str, method: int, path: Path) -> None:
    content = npy(LARGE_HEADER, bytes(1000)) if "size" in field else bomb(1000)
    archive(path, ("a.npy", content), method=method)
    overwritten(path, *FIELDS[field])
    refusal(path)


@pytest.mark.parametrize("size", [2**20, 2**40, 2**63, 2**64 - 1])
def test_large_directory_in_the_format_of_large_archives_is_refused(size: int, path: Path) -> None:
    archive(path, ("a.npy", bomb(1000)))
    content = path.read_bytes()
    end = content.rindex(END)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    path.write_bytes(content[:end] + record + locator + content[end:])
    refusal(path)


def test_directory_of_a_hundred_thousand_entries_is_refused_unread(path: Path) -> None:
    entry = struct.pack("<4s6H3I5H2I", DIRECTORY, 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.npy"
    directory = entry * 100_000
    end = struct.pack("<4s4H2IH", END, 0, 0, 65535, 65535, len(directory), 0, 0)
    path.write_bytes(directory + end)
    assert "its directory has more than 1048576 bytes" in refusal(path)


def test_empty_arrays_without_end_are_refused(path: Path) -> None:
    # They have no bytes to be limited by.
    archive(path, *((f"{i}.npy", npy(header(shape="(0,)"))) for i in range(20_000)))
    assert "its directory has more than" in refusal(path, limit=0)


def test_entries_that_share_their_bytes_are_refused(path: Path) -> None:
    # Of one packed array many unpacked ones: a directory that points to the same place again and again.
    archive(path, ("a.npy", bomb(2**20)), method=zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    start, end = content.index(DIRECTORY), content.rindex(END)
    entry = content[start:end]
    entries = b"".join(entry.replace(b"a.npy", f"{i:05}".encode()[-1:] + b".npy") for i in range(10))
    last = struct.pack("<4s4H2IH", END, 0, 0, 10, 10, len(entries), start, 0)
    path.write_bytes(content[:start] + entries + last)
    assert "it speaks of more bytes than it has" in refusal(path)


@pytest.mark.parametrize("name", ["a\n.npy", "\x1b[2J.npy", "a\u202e.npy", "a.txt", "npy", "a.npy/", "inner.npz"])
def test_name_that_no_array_has_is_refused_and_not_printed_as_it_is(name: str, path: Path) -> None:
    archive(path, (name, npy(header(), bytes(12))))
    said = refusal(path)
    assert "is not the name of an array" in said
    assert said.isprintable()


def test_archive_within_an_archive_is_refused(path: Path) -> None:
    inner = path.with_name("inner.npz")
    save_state(inner, {"a": np.zeros(3)})
    archive(path, ("inner.npy", inner.read_bytes()))
    assert "inner.npy: it does not begin as an array" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile's own, about what is made here
def test_two_arrays_of_one_name_are_refused(path: Path) -> None:
    archive(path, ("a.npy", npy(header(), bytes(12))), ("a.npy", npy(header(), bytes(12))))
    assert "several of its arrays have the same name" in refusal(path)


def test_name_that_ends_at_a_zero_is_no_second_of_that_name(path: Path) -> None:
    archive(path, ("a.npy", npy(header(), bytes(12))), ("bbbbbb.npy", npy(header(), bytes(12))))
    path.write_bytes(path.read_bytes().replace(b"bbbbbb.npy", b"a.npy\0.npy"))
    assert "several of its arrays have the same name" in refusal(path)


@pytest.mark.parametrize("seed", range(2))
def test_random_changes_are_read_as_they_are_or_refused(seed: int, path: Path) -> None:
    rng = np.random.default_rng(seed)
    archive(path, ("a.npy", bomb(500)), ("b.npy", npy(header(), bytes(12))), method=zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for position in rng.integers(len(content), size=rng.integers(1, 4)):
            content[position] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        path.write_bytes(content)
        found: dict[str, Array] = {}
        with suppress(ValueError):
            found = load_state(path)
        assert sum(array.nbytes for array in found.values()) <= 512


def test_hostile_file_is_refused_where_there_is_little_memory(path: Path) -> None:
    # Not only NumPy and Python count here, but all that the process asks the system for.
    archive(path, ("a.npy", bomb(100 * 2**20)), method=zipfile.ZIP_DEFLATED)
    program = """
        import resource, sys
        from pathlib import Path
        from cnn_core import load_state
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 64 * 2**20, resource.RLIM_INFINITY))
        try:
            load_state(Path(sys.argv[1]), limit=2**20)
        except ValueError as error:
            print(error)
    """
    command: list[Any] = [sys.executable, "-c", dedent(program), path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "more than the limit" in done.stdout


@pytest.mark.parametrize("instead", ["pipe", "device"])
def test_what_is_no_file_is_refused_and_never_waited_for(instead: str, path: Path) -> None:
    if instead == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert refusal(path).endswith("it is no file")


def test_folder_in_the_place_of_a_file_is_an_error_of_the_system(path: Path) -> None:
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        load_state(path)
