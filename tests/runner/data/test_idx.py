"""IDX files: sound ones are read whatever they are called, damaged ones are refused with what is wrong and where."""

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from experiments.data.dataset import DataError
from experiments.data.idx import read_idx, read_images
from tests.runner.data.helpers import idx_bytes

DATA = bytes(range(24))
SOUND = idx_bytes((2, 3, 4), DATA)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "images"


def refused(path: Path, content: bytes, *, ndim: int = 3, sha256: str | None = None) -> str:
    """Returns the message with which `content` is refused, which must name the file."""
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path, ndim=ndim, sha256=sha256)
    message = str(caught.value)
    assert message.startswith(f"{path}: found ")
    assert message.endswith(". Replace the file, or delete it and fetch it again.")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("content", [SOUND, gzip.compress(SOUND)], ids=["plain", "gzipped"])
def test_content_not_name_decides_whether_a_file_is_gzipped(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    array = read_idx(tmp_path / name, ndim=3)
    assert array.dtype == np.uint8
    assert array.shape == (2, 3, 4)
    assert array.tobytes() == DATA


def test_last_axis_varies_fastest(path: Path) -> None:
    path.write_bytes(SOUND)
    assert read_idx(path, ndim=3)[1, 2, 3] == 1 * 12 + 2 * 4 + 3


def test_files_longer_than_one_read_are_read_whole(path: Path) -> None:
    data = np.random.default_rng(0).bytes(3 * 2**20 + 5)
    path.write_bytes(idx_bytes((len(data),), data))
    assert read_idx(path, ndim=1).tobytes() == data


def test_digest_is_of_the_unpacked_bytes(path: Path) -> None:
    path.write_bytes(gzip.compress(SOUND))
    assert read_idx(path, ndim=3, sha256=hashlib.sha256(SOUND).hexdigest()).shape == (2, 3, 4)


def test_empty_file_is_refused(path: Path) -> None:
    assert "found an empty file, expected an IDX file" in refused(path, b"")


def test_empty_gzip_file_is_refused(path: Path) -> None:
    assert "found an empty file, expected an IDX file" in refused(path, gzip.compress(b""))


def test_other_format_is_refused(path: Path) -> None:
    message = refused(path, b"<!DOCTYPE html>")
    assert "found the first bytes 3c 21 44 4f, expected those of an IDX file, 00 00 08 03" in message


def test_file_shorter_than_the_magic_is_refused(path: Path) -> None:
    assert "found the first bytes 00 00 08," in refused(path, SOUND[:3])


def test_other_type_code_is_refused(path: Path) -> None:
    message = refused(path, idx_bytes((2, 3, 4), DATA * 4, type_code=0x0D))
    assert "found the type code 0x0d, expected 0x08 (uint8)" in message


def test_labels_in_the_place_of_images_are_refused(path: Path) -> None:
    assert "found 1 dimension(s), expected 3" in refused(path, idx_bytes((24,), DATA))


def test_images_in_the_place_of_labels_are_refused(path: Path) -> None:
    assert "found 3 dimension(s), expected 1" in refused(path, SOUND, ndim=1)


def test_header_cut_short_is_refused(path: Path) -> None:
    assert "found a header cut short after 11 bytes, expected 16 bytes" in refused(path, SOUND[:11])


def test_file_without_data_is_refused(path: Path) -> None:
    assert "found 0 bytes of data, expected 24" in refused(path, SOUND[:16])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_data_cut_short_are_refused(path: Path, pack: type[bytes]) -> None:
    assert "found 23 bytes of data, expected 24 as its header promises" in refused(path, pack(SOUND[:-1]))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_bytes_after_the_data_are_refused(path: Path, pack: type[bytes]) -> None:
    message = refused(path, pack(SOUND + b"\0"))
    assert "found bytes after the 24 of data that its header promises, expected none" in message


@pytest.mark.parametrize("kept", [2, 10, 20, -8, -1])
def test_gzip_file_cut_short_is_refused(path: Path, kept: int) -> None:
    assert "found a damaged gzip file (" in refused(path, gzip.compress(SOUND)[:kept])


def test_gzip_file_with_a_wrong_check_sum_is_refused(path: Path) -> None:
    packed = bytearray(gzip.compress(SOUND))
    packed[-8] ^= 1
    assert "found a damaged gzip file (CRC check failed" in refused(path, bytes(packed))


def test_gzip_file_damaged_in_the_middle_is_refused(path: Path) -> None:
    packed = bytearray(gzip.compress(SOUND))
    packed[10] = 0xFF  # a block of a kind that does not exist
    assert "found a damaged gzip file (Error -3" in refused(path, bytes(packed))


def test_gzip_file_followed_by_other_bytes_is_refused(path: Path) -> None:
    assert "found a damaged gzip file (Not a gzipped file" in refused(path, gzip.compress(SOUND) + b"junk")


def test_second_gzip_member_is_refused(path: Path) -> None:
    message = refused(path, gzip.compress(SOUND) + gzip.compress(b"more"))
    assert "found bytes after the 24 of data" in message


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**30 + 1, 1, 1)])
def test_absurd_dimensions_are_refused(path: Path, shape: tuple[int, ...]) -> None:
    message = refused(path, idx_bytes(shape, DATA))
    assert "found a header that promises " in message
    assert "expected at most 1,073,741,824" in message


def test_no_more_is_unpacked_than_the_header_promises(path: Path) -> None:
    bomb = gzip.compress(SOUND + bytes(2**24))
    tracemalloc.start()
    refused(path, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22


def test_other_digest_is_refused(path: Path) -> None:
    message = refused(path, SOUND, sha256="0" * 64)
    assert f"sha256 of the unpacked bytes {hashlib.sha256(SOUND).hexdigest()}), expected {'0' * 64}" in message


def test_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match=r"images: cannot be read: No such file.*Check the path \(data.root\)"):
        read_idx(path, ndim=3)


def test_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory; expected an IDX file"):
        read_idx(tmp_path, ndim=3)


def test_file_that_may_not_be_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:  # root may read everything, so the refusal is played
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError, match=r"images: cannot be read: Permission denied.*the permissions"):
        read_idx(path, ndim=3)


def write_pair(folder: Path, images: bytes, labels: bytes) -> tuple[Path, Path]:
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(labels)
    return folder / "images", folder / "labels"


def test_images_get_one_channel_and_their_labels(tmp_path: Path) -> None:
    images = read_images(*write_pair(tmp_path, SOUND, idx_bytes((2,), b"\x07\x09")))
    assert images.pixels.shape == (2, 1, 3, 4)
    assert images.pixels.tobytes() == DATA
    assert images.labels.tolist() == [7, 9]


def test_each_file_of_a_pair_is_held_against_its_own_digest(tmp_path: Path) -> None:
    labels = idx_bytes((2,), b"\0\1")
    pair = write_pair(tmp_path, SOUND, labels)
    right = (hashlib.sha256(SOUND).hexdigest(), hashlib.sha256(labels).hexdigest())
    assert len(read_images(*pair, sha256=right)) == 2
    with pytest.raises(DataError, match=f"images: found other data .* expected {right[1]}"):
        read_images(*pair, sha256=(right[1], right[0]))


def test_pair_of_unequal_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels: found 3 labels, expected 2, as many as images in .*images"):
        read_images(*write_pair(tmp_path, SOUND, idx_bytes((3,), b"\0\1\2")))


def test_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels: found the label 10, expected labels from 0 to 9"):
        read_images(*write_pair(tmp_path, SOUND, idx_bytes((2,), b"\0\x0a")))


@pytest.mark.parametrize("shape", [(0, 28, 28), (2, 0, 28)])
def test_pair_without_pixels_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    labels = idx_bytes((shape[0],), bytes(shape[0]))
    with pytest.raises(DataError, match=r"images: found no pixels, the shape is \(., .+, 28\), expected at least"):
        read_images(*write_pair(tmp_path, idx_bytes(shape, b""), labels))
