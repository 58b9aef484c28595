"""What can be said of a PNG file without looking at it."""

import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from matplotlib.figure import Figure


def size(path: Path) -> tuple[int, int]:
    """Width and height, from the header of a PNG file."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def figure_of(draw: Callable[[Path], object]) -> Figure:
    """The figure behind the picture that is drawn; it is not rendered, and what is written is thrown away."""
    kept: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(Figure, "savefig", lambda figure, *_arguments, **_keywords: kept.append(figure))
        draw(Path(folder) / "picture.png")
    (figure,) = kept
    return figure


def texts(artist: Any) -> list[str]:
    """The texts of a list of matplotlib's text objects."""
    return [text.get_text() for text in artist]
