"""Nested configurations as flat, dotted keys."""

from typing import Any


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys; lists are leaves.

    >>> leaves({"model": {"channels": [8]}, "seed": 0})
    {'model.channels': [8], 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= leaves(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
