"""Small files that are there whole or not at all."""

import json
from pathlib import Path
from typing import Any

from cnn_core.state import replaced
from experiments.untrusted import RefusedError, json_file


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
