"""IDX files written byte by byte, and small data sets made of them: oracles that share nothing with the readers."""

import gzip
import hashlib
import random
import struct
from pathlib import Path

from experiments.data.sources import IdxFile, Source

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx_bytes(shape: tuple[int, ...], data: bytes, *, type_code: int = 8) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, type_code, len(shape), *shape) + data


def small_files(seed: int = 0) -> tuple[bytes, bytes, bytes, bytes]:
    """The four files, unpacked, of a data set of 20 training and 10 test images of 28×28."""
    chance = random.Random(seed)
    train, test = chance.randbytes(20 * 28 * 28), chance.randbytes(10 * 28 * 28)
    return (
        idx_bytes((20, 28, 28), train),
        idx_bytes((20,), bytes(range(10)) * 2),
        idx_bytes((10, 28, 28), test),
        idx_bytes((10,), bytes(range(10))),
    )


def small_source(
    files: tuple[bytes, bytes, bytes, bytes],
    *,
    mirrors: tuple[str, ...] = (),
    folders: tuple[Path, ...] = (),
) -> Source:
    digests = [hashlib.sha256(content).hexdigest() for content in files]
    a, b, c, d = (IdxFile(name, digest) for name, digest in zip(NAMES, digests, strict=True))
    return Source("small", a, b, c, d, mirrors=mirrors, folders=folders)


def write_files(folder: Path, files: tuple[bytes, bytes, bytes, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(NAMES, files, strict=True):
        (folder / name).write_bytes(gzip.compress(content))
