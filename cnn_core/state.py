"""Named arrays in a `.npz` file, written whole or not at all, read without pickle, and refused where damaged."""

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EINVAL
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from cnn_core.layout import Array


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


def load_state(path: Path) -> dict[str, Array]:
    """Read named arrays, from `save_state` or any `.npz`.

    Raises:
        ValueError: the file is damaged, is no `.npz`, or holds pickled objects, which are never read.
        OSError: there is no such file, or it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if archive.comment != _directory_digest(archive) and not _ends_without_comment(file):
                    raise ValueError("its directory has changed")  # noqa: TRY301  # said below, with the path
                return {info.filename.removesuffix(".npy"): _array(archive, info) for info in archive.infolist()}
        except (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            if isinstance(error, OSError) and error.errno not in (None, EINVAL):  # the disk's fault, not the file's
                raise
            raise ValueError(f"{path} is not a whole .npz file of plain arrays: {error}") from error


def _directory_digest(archive: zipfile.ZipFile) -> bytes:
    """SHA-256 over the entries' names and checksums."""
    entries = "\n".join(f"{info.filename} {info.CRC}" for info in archive.infolist())
    return sha256(entries.encode()).hexdigest().encode()


def _ends_without_comment(file: BinaryIO) -> bool:
    """Whether an archive is of another's making: its last field, the length of the comment, says 0."""
    file.seek(-2, os.SEEK_END)
    return file.read() == bytes(2)


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """Read one array to its last byte, which is when its checksum is compared."""
    if not info.filename.endswith(".npy"):
        raise ValueError(f"{info.filename} is not an array")
    content = BytesIO(archive.read(info))
    array: Array = np.lib.format.read_array(content, allow_pickle=False)
    if content.read(1):
        raise ValueError(f"{info.filename} goes on behind its array")
    return array
