"""The seal of a marker: digests by which it shows that the marker, or a file it vouches for, is not what was written.

A marker without one was written before there were seals; it is believed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments.digest import json_digest

_FILES, _OWN = "files.sha256", "sha256"


def sealed(content: Mapping[str, Any], files: Iterable[Path]) -> dict[str, Any]:
    """Add the digests of those of the files that exist, and one of the whole content, these included.

    >>> sorted(sealed({"outcome": "completed"}, []))
    ['files.sha256', 'outcome', 'sha256']
    """
    whole = {**content, _FILES: {path.name: _of_file(path) for path in files if path.exists()}}
    return {**whole, _OWN: json_digest(whole)}


def is_broken(content: Mapping[str, Any]) -> bool:
    """Whether the content is not what was sealed.

    >>> whole = sealed({"outcome": "completed"}, [])
    >>> is_broken(whole), is_broken({**whole, "outcome": "diverged"}), is_broken({"outcome": "completed"})
    (False, True, False)
    """
    if not content.keys() & {_FILES, _OWN}:
        return False
    whole = {key: value for key, value in content.items() if key != _OWN}
    return content.get(_OWN) != json_digest(whole)


def changed(content: Mapping[str, Any], folder: Path) -> list[str]:
    """The names of the files that are no longer what they were when the content, which is whole, was sealed."""
    files: Mapping[str, str] = content.get(_FILES, {})
    paths = {folder / name: digest for name, digest in files.items()}
    return [path.name for path, digest in paths.items() if not path.exists() or _of_file(path) != digest]


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
