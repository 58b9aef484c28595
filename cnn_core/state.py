"""Named arrays in a `.npz` file, written whole or not at all, read without trust, and refused where damaged.

A file from a stranger can at worst be refused: nothing in it is evaluated or unpickled, and what it says of sizes is
believed only as far as a limit and the bytes that are there.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EINVAL
from hashlib import sha256
from pathlib import Path
from typing import IO, BinaryIO
from uuid import uuid4

import numpy as np

from cnn_core.layout import Array
from cnn_core.npy import Header, read_data, read_header

DEFAULT_LIMIT = 4 * 2**30  # bytes
_PIECE = 2**20  # bytes that are read at a time, and the most that a directory may have: some 10,000 entries
# What a byte can become at the most. Other methods than these need memory of the file's choosing.
_INFLATION = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}
_DAMAGE = (ValueError, EOFError, OSError, OverflowError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)


def save_state(path: Path, state: Mapping[str, Array]) -> None:
    """Write named arrays; a file of that name is replaced in one step, so a reader never meets half of it.

    The file is a plain `.npz`; the archive's comment is a digest of its directory, whose entries have no checksum.

    Raises:
        OSError: the folder cannot be written to; what was there before is still there.
        ValueError: an array holds objects.
    """
    with replaced(path) as draft, draft.open("w+b") as file:
        np.savez(file, allow_pickle=False, **state)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = _directory_digest(archive)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a draft beside a file; left without an error, it takes the file's place in one step, safe on the disk.

    Raises:
        OSError: the folder cannot be written to; the file is what it was, and no draft is left.
    """
    draft = path.with_name(f"{path.name}.{uuid4().hex}.draft")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_state(path: Path, *, limit: int = DEFAULT_LIMIT) -> dict[str, Array]:
    """Read named arrays of numbers, from `save_state` or `np.savez`.

    Args:
        path: of the file.
        limit: bytes that all arrays together may have. No more is allocated, whatever the file says of itself.

    Raises:
        ValueError: the file is damaged, is no `.npz`, is a pipe or a device, is larger than the limit, or holds
            anything but numbers and truth values, pickled objects for example, which are never read.
        OSError: there is no such file, or it cannot be opened.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a pipe would wait for somebody to write to it
        raise ValueError(f"{path} is not a whole .npz file of plain arrays: it is no file")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(_InPieces(file)) as archive:
                if archive.comment != _directory_digest(archive) and not _ends_without_comment(file):
                    raise ValueError("its directory has changed")  # said below, with the path
                return _arrays(archive, os.fstat(file.fileno()).st_size, limit)
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno not in (None, EINVAL):  # the disk's fault, not the file's
                raise
            raise ValueError(f"{path} is not a whole .npz file of plain arrays: {error}") from error


class _InPieces:
    """A file that is never read but in pieces, so that an archive's directory cannot be of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all there are.

        Raises:
            ValueError: they are more than a piece.
        """
        content = self._file.read(_PIECE + 1 if size < 0 else min(size, _PIECE + 1))
        if len(content) > _PIECE:
            raise ValueError(f"its directory has more than {_PIECE} bytes")
        return content


def _directory_digest(archive: zipfile.ZipFile) -> bytes:
    """SHA-256 over the entries' names and checksums."""
    entries = "\n".join(f"{info.filename} {info.CRC}" for info in archive.infolist())
    return sha256(entries.encode()).hexdigest().encode()


def _ends_without_comment(file: BinaryIO) -> bool:
    """Whether an archive is of another's making: its last field, the length of the comment, says 0."""
    file.seek(-2, os.SEEK_END)
    return file.read() == bytes(2)


def _arrays(archive: zipfile.ZipFile, size: int, limit: int) -> dict[str, Array]:
    """Read all arrays of an archive of this size, after a look at what every one of them says of itself."""
    entries = archive.infolist()
    _check_entries(entries, size)
    headers = [_header(archive, info) for info in entries]
    total = sum(header.nbytes for header in headers)
    if total > limit:
        raise ValueError(f"its arrays have {total} bytes, more than the limit of {limit}")
    return {_name(info): _array(archive, info, header) for info, header in zip(entries, headers, strict=True)}


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Check what the directory says: names that can be told apart, and no more bytes than the file can hold."""
    names = [info.filename for info in entries]
    for name in names:
        if not name.endswith(".npy") or not name.isprintable():
            raise ValueError(f"{name!r} is not the name of an array")
    if len(set(names)) < len(names):
        raise ValueError("several of its arrays have the same name")
    if sum(info.compress_size for info in entries) > size:
        raise ValueError("it speaks of more bytes than it has")
    for info in entries:
        if info.compress_type not in _INFLATION or info.file_size > _INFLATION[info.compress_type] * info.compress_size:
            raise ValueError(f"{info.filename} cannot be unpacked")


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    with _opened(archive, info) as file:
        header = read_header(file)
        if header.length + header.nbytes != info.file_size:
            raise ValueError(f"it has {info.file_size} bytes, {header.length + header.nbytes} by its own header")
    return header


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header) -> Array:
    """Read one array to its last byte, which is when its checksum is compared."""
    with _opened(archive, info) as file:
        file.read(header.length)
        return read_data(file, header)


@contextmanager
def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    try:
        with archive.open(info) as file:
            yield file
    except ValueError as error:
        raise ValueError(f"{info.filename}: {error}") from error


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")
