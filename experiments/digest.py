"""The digest of what is written as JSON, by which it shows that it is not what was written."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def json_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over a mapping as JSON, its keys sorted. Files have it in them: it must never come out differently.

    >>> json_digest({"b": [1, 0.5], "a": None}) == hashlib.sha256(b'{"a": null, "b": [1, 0.5]}').hexdigest()
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
