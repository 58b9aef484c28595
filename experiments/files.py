"""Small files that are there whole or not at all."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnn_core.state import replaced
from experiments.untrusted import RefusedError, json_file

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # what a full disk answers


@contextmanager
def named(folder: Path) -> Iterator[None]:
    """Say where, if the disk fails in this context: an error of a file that is open does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in (*NO_ROOM, errno.EIO, errno.EROFS):
            error.filename = str(folder)
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader meets the old content or the new, never a part."""
    with replaced(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def remove_drafts(folder: Path) -> None:
    """Remove what processes that were killed had not finished writing; only for whoever holds the folder."""
    for draft in folder.glob("*.draft"):
        draft.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a mapping as JSON, whole or not at all."""
    write_whole(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a mapping; None if there is no such file or it is damaged, as after a power cut."""
    try:
        return json_file(path)
    except (FileNotFoundError, RefusedError):
        return None
