"""Opens a file as its unpacked bytes, gzipped or plain: its content decides, never its name.

Never holds more than a piece of the file in memory.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
GZIP_FAULTS = (EOFError, zlib.error, gzip.BadGzipFile)  # all that gzip raises when a stream is cut or damaged
PIECE = 2**20  # bytes


@contextmanager
def open_unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """Opens `path` for reading its unpacked bytes.

    Raises:
        OSError: the file cannot be opened or read.
        EOFError, zlib.error, gzip.BadGzipFile: while reading, if a gzip stream is cut or damaged.
    """
    with path.open("rb") as stored:
        if stored.peek(2)[:2] == GZIP_MAGIC:
            with gzip.GzipFile(fileobj=stored) as unpacked:
                yield unpacked
        else:
            yield stored


def unpacked_sha256(path: Path, *, largest: int) -> str | None:
    """Sha256 in hexadecimal of the unpacked bytes of `path`, or None if there are more than `largest` of them.

    Of the unpacked bytes, because the same data come with different gzip headers. Raises what `open_unpacked` does.
    """
    digest, seen = hashlib.sha256(), 0
    with open_unpacked(path) as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
            seen += len(piece)
            if seen > largest:
                return None
    return digest.hexdigest()
