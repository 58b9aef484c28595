"""One array in NumPy's format, `.npy`, from whoever wrote it: its header is matched, never evaluated, and believed
only if it says exactly as many bytes as there are.

Source: NumPy enhancement proposal 1, "A simple file format for NumPy arrays".
"""

import re
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np

from cnn_core.layout import Array

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}  # by version
_LONGEST = 10_000  # bytes; NumPy's own limit
_HEADER = re.compile(
    rb"\{'descr': '([<>=|]?[biufc]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d+, )*(?:\d+,?)?)\),? ?\} *\n"
)
_PIECE = 2**20  # bytes that are read at a time


@dataclass(frozen=True)
class Header:
    """What an array is, before it is read.

    Args:
        dtype: numbers or truth values, in any byte order.
        shape: its sides.
        fortran_order: whether its first axis lies innermost.
        length: of the header itself, in bytes.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    length: int

    @property
    def nbytes(self) -> int:
        """How many bytes the array has."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Read what stands before an array's numbers.

    Raises:
        ValueError: it is not a header, is too long, or is that of an array of anything but numbers and truth values.
    """
    opening = _exactly(file, len(_MAGIC) + 2)
    length_bytes = _LENGTH_BYTES.get(opening[len(_MAGIC) :])
    if not opening.startswith(_MAGIC) or length_bytes is None:
        raise ValueError("it does not begin as an array")
    length = int.from_bytes(_exactly(file, length_bytes), "little")
    if length > _LONGEST:
        raise ValueError(f"its header has {length} bytes, more than {_LONGEST}")
    match = _HEADER.fullmatch(_exactly(file, length))
    if match is None:
        raise ValueError("its header is not that of an array of numbers")
    kind, fortran_order, sides = (group.decode("ascii") for group in match.groups())
    return Header(
        dtype=_dtype(kind),
        shape=tuple(int(side) for side in sides.split(",") if side.strip()),
        fortran_order=fortran_order == "True",
        length=len(opening) + length_bytes + length,
    )


def read_data(file: IO[bytes], header: Header) -> Array:
    """Read an array's numbers, which must be all that is left of the file.

    Raises:
        ValueError: there are fewer or more.
    """
    content = np.empty(header.nbytes, np.uint8)
    for start in range(0, header.nbytes, _PIECE):
        part = content[start : start + _PIECE]
        part[...] = np.frombuffer(_exactly(file, len(part)), np.uint8)
    if file.read(1):
        raise ValueError("it goes on behind its array")
    return content.view(header.dtype).reshape(header.shape, order="F" if header.fortran_order else "C")


def _dtype(kind: str) -> np.dtype[Any]:
    try:
        return np.dtype(kind)
    except TypeError as error:
        raise ValueError(f"there are no numbers of type {kind}") from error


def _exactly(file: IO[bytes], count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise ValueError("it is cut short")
    return content
