"""Reads IDX files, the format of MNIST and its kin, gzipped or plain, and trusts nothing that stands in them.

Never unpacks more bytes than a file's header promises, and never returns data that failed a check.

The format: two zero bytes, a type code (8: uint8), the number of dimensions, each dimension as a big-endian uint32,
then the data in C order. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats".

Letters: N images, H height, W width.
"""

import hashlib
import io
import math
import struct
from pathlib import Path

import numpy as np

from experiments.data.dataset import Bytes, DataError, Images
from experiments.data.unpacked import GZIP_FAULTS, PIECE, open_unpacked

UINT8 = 0x08
LARGEST = 2**30  # bytes of data a header may promise: 20 times MNIST, and still fits the memory of a laptop


def read_idx(path: Path, *, ndim: int, sha256: str | None = None) -> Bytes:
    """Reads an IDX file of uint8 with `ndim` dimensions into an array of the shape its header states.

    Args:
        path: the file, gzipped or plain.
        ndim: 3 for images (N, H, W), 1 for labels (N,).
        sha256: what the unpacked bytes must hash to, if given.

    Raises:
        DataError: the file is missing, unreadable, damaged, or another than was expected.
    """
    try:
        with open_unpacked(path) as stream:
            return _read(stream, path, ndim, sha256)
    except GZIP_FAULTS as error:
        raise _fault(path, f"a damaged gzip file ({error})", "a whole one") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror}; expected an IDX file. "
            "Check the path (data.root) and the permissions."
        ) from error


def read_images(images: Path, labels: Path, *, classes: int = 10, sha256: tuple[str, str] | None = None) -> Images:
    """Reads a pair of IDX files, images (N, H, W) and labels (N,), into `Images` of one channel, (N, 1, H, W).

    Args:
        images: the images' file.
        labels: the labels' file.
        classes: labels must be less than this.
        sha256: what the unpacked bytes of the two files must hash to, if given.

    Raises:
        DataError: either file is faulty, they do not belong together, or there is no image in them.
    """
    images_sha256, labels_sha256 = sha256 or (None, None)
    pixels = read_idx(images, ndim=3, sha256=images_sha256)
    numbers = read_idx(labels, ndim=1, sha256=labels_sha256)
    if pixels.size == 0:
        raise _fault(images, f"no pixels, the shape is {pixels.shape}", "at least one image")
    if len(numbers) != len(pixels):
        raise _fault(labels, f"{len(numbers):,} labels", f"{len(pixels):,}, as many as images in {images}")
    if numbers.max() >= classes:
        raise _fault(labels, f"the label {numbers.max()}", f"labels from 0 to {classes - 1}")
    return Images(pixels[:, np.newaxis], numbers)  # (N, H, W) -> (N, 1, H, W)


def _read(stream: io.BufferedIOBase, path: Path, ndim: int, sha256: str | None) -> Bytes:
    header, shape = _read_header(stream, path, ndim)
    data = np.empty(math.prod(shape), dtype=np.uint8)
    digest = hashlib.sha256(header)
    filled = 0
    # In pieces: GzipFile.readinto would hold a second copy of everything.
    while filled < data.size and (piece := stream.read(min(PIECE, data.size - filled))):
        data[filled : filled + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        digest.update(piece)
        filled += len(piece)
    if filled < data.size:
        raise _fault(path, f"{filled:,} bytes of data", f"{data.size:,} as its header promises")
    if stream.read(1):  # at the end of a gzip stream this read also checks its CRC
        raise _fault(path, f"bytes after the {data.size:,} of data that its header promises", "none")
    if sha256 is not None and digest.hexdigest() != sha256:
        raise _fault(path, f"other data (sha256 of the unpacked bytes {digest.hexdigest()})", sha256)
    return data.reshape(shape)


def _read_header(stream: io.BufferedIOBase, path: Path, ndim: int) -> tuple[bytes, tuple[int, ...]]:
    """Returns the header's bytes and the shape it states."""
    magic = stream.read(4)
    if not magic:
        raise _fault(path, "an empty file", "an IDX file")
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise _fault(path, f"the first bytes {magic.hex(' ')}", f"those of an IDX file, 00 00 08 {ndim:02x}")
    if magic[2] != UINT8:
        raise _fault(path, f"the type code 0x{magic[2]:02x}", f"0x{UINT8:02x} (uint8)")
    if magic[3] != ndim:
        raise _fault(path, f"{magic[3]} dimension(s)", f"{ndim} (3 are images, 1 is labels: are two files swapped?)")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise _fault(path, f"a header cut short after {4 + len(sizes)} bytes", f"{4 + 4 * ndim} bytes")
    shape = struct.unpack(f">{ndim}I", sizes)
    if math.prod(shape) > LARGEST:
        raise _fault(path, f"a header that promises {math.prod(shape):,} bytes", f"at most {LARGEST:,}")
    return magic + sizes, shape


def _fault(path: Path, found: str, expected: str) -> DataError:
    return DataError(f"{path}: found {found}, expected {expected}. Replace the file, or delete it and fetch it again.")
