"""The name of a run: a hash of all that decides its result, so that the same name means the same bits."""

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from experiments.config.leaves import leaves
from experiments.config.schema import Config
from experiments.digest import json_digest

_VERSION = 1  # raise it when the meaning of a key changes without its name or value
_DIGITS = 12
_SOURCE = Path(__file__).resolve().parents[2]
_DECIDING_CODE = ("cnn_core", "experiments/data", "experiments/training", "experiments/config/schema.py")

# Keys that say where and how a run is carried out, not what comes of it. All others decide the result.
WITHOUT_EFFECT = frozenset(
    {
        "outputs_dir",
        "force",
        "dry_run",
        "launcher",
        "sweep",  # what becomes of a run does not depend on those beside it
        "tracking",
        "data.root",  # files are accepted by their digest, wherever they lie
        "trainer.threads",  # blocks of work are cut by shape alone, see `cnn_core.parallel`
        "trainer.checkpoint_minutes",  # going on from a checkpoint is exact
        "trainer.keep_checkpoint",
    }
)


def identity(config: Config) -> str:
    """12 hexadecimal digits: SHA-256 over the deciding configuration, the deciding code and a version number."""
    decisive = {"version": _VERSION, "code": code_digest(), "config": _without_effect_removed(asdict(config))}
    return json_digest(decisive)[:_DIGITS]


def decides(key: str) -> bool:
    """Whether a key has a say in what comes of a run.

    >>> decides("optimizer.lr"), decides("trainer.threads"), decides("tracking.uri")
    (True, False, False)
    """
    return key not in WITHOUT_EFFECT and key.split(".", maxsplit=1)[0] not in WITHOUT_EFFECT


@cache
def code_digest() -> str:
    """SHA-256 of every source file that takes part in computing a result, with its relative path."""
    digest = hashlib.sha256()
    for place in _DECIDING_CODE:
        for path in sorted((_SOURCE / place).rglob("*.py")) or [_SOURCE / place]:
            digest.update(path.relative_to(_SOURCE).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _without_effect_removed(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in leaves(tree).items() if decides(key)}
