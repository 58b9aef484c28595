"""The seal of a marker: digests by which it shows that the marker, or a file it vouches for, is not what was written.

A marker without one was written before there were seals; it is believed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments.digest import json_digest

_FILES, _OWN = "files.sha256", "sha256"
_LARGEST = 16 << 30  # bytes; no run leaves such a file, and reading one takes half a minute


def sealed(content: Mapping[str, Any], files: Iterable[Path]) -> dict[str, Any]:
    """Add the digests of those of the files that exist, and one of the whole content, these included.

    >>> sorted(sealed({"outcome": "completed"}, []))
    ['files.sha256', 'outcome', 'sha256']
    """
    digests = {path.name: _of_file(path) for path in files}
    whole = {**content, _FILES: {name: digest for name, digest in digests.items() if digest is not None}}
    return {**whole, _OWN: json_digest(whole)}


def is_broken(content: Mapping[str, Any], files: Iterable[Path]) -> bool:
    """Whether the content is not what was sealed, or vouches for anything but these files.

    >>> whole = sealed({"outcome": "completed"}, [])
    >>> is_broken(whole, []), is_broken({**whole, "outcome": "diverged"}, []), is_broken({"outcome": "completed"}, [])
    (False, True, False)
    """
    if not content.keys() & {_FILES, _OWN}:
        return False
    whole = {key: value for key, value in content.items() if key != _OWN}
    return content.get(_OWN) != json_digest(whole) or not _vouches_for(content.get(_FILES), files)


def changed(content: Mapping[str, Any], files: Iterable[Path]) -> list[str]:
    """The names of those of the files that are no longer what they were when the content, which is whole, was sealed.

    Nothing else is looked at, whatever the content names.
    """
    digests: Mapping[str, str] = content.get(_FILES, {})
    return [path.name for path in files if path.name in digests and _of_file(path) != digests[path.name]]


def _vouches_for(digests: object, files: Iterable[Path]) -> bool:
    """Whether these are digests of some of the files, by name, and of no others."""
    return (
        isinstance(digests, dict)
        and digests.keys() <= {path.name for path in files}
        and all(isinstance(digest, str) for digest in digests.values())
    )


def _of_file(path: Path) -> str | None:
    """None where there is no file, or one that no run has written: a pipe would never end."""
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
