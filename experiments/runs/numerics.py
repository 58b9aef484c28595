"""What a run's bits depend on besides its identity: NumPy, its BLAS, and the kernels that both choose for a CPU.

It is recorded in `environment.json`, with what was otherwise for the epochs of a run that was continued elsewhere.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.leaves import leaves
from experiments.files import read_json
from experiments.runs.environment import UNTIL, blas_facts, simd_extensions

_SIMD = "simd"
FACTS = ("numpy", "blas.library", "blas.version", "blas.architecture", _SIMD)
_SHOWN = 2  # vector instructions in a line
_EPOCH = re.compile(r"[1-9][0-9]{0,8}")

Facts = Mapping[str, str]


@dataclass(frozen=True)
class Stage:
    """The facts under which epochs were computed: up to this one, or up to the last if there is none."""

    until: int | None
    facts: Facts


def recorded_stages(environment: Path) -> tuple[Stage, ...]:
    """The stages of a run, the first epochs first; none if its environment was not recorded or is damaged."""
    content = read_json(environment)
    if content is None:
        return ()
    facts = _facts(content)
    stages = [Stage(None, facts)]
    for epoch in sorted(_epochs(content), reverse=True):
        earlier = content[f"{UNTIL}{epoch}"]
        facts = {**facts, **_facts(earlier if isinstance(earlier, dict) else {})}
        if facts != stages[0].facts:
            stages.insert(0, Stage(epoch, facts))
    return tuple(stages)


@cache
def current_facts() -> Facts:
    """The facts of this process."""
    return _facts({"numpy": np.__version__, "blas": blas_facts(), _SIMD: simd_extensions()})


def otherwise(stages: Iterable[Stage], reference: Facts) -> str:
    """Say what of a run was computed with something else than the reference; empty if nothing was, or nobody knows.

    >>> stages = [Stage(3, {"numpy": "2.2.1", "simd": "AVX2"}), Stage(None, {"numpy": "2.4.6", "simd": "AVX2"})]
    >>> otherwise(stages, {"numpy": "2.4.6", "simd": "AVX2 AVX512F"})
    'numpy 2.2.1, simd without AVX512F until epoch 3, then simd without AVX512F'
    """
    parts = []
    for stage in stages:
        differing = [_said(key, stage.facts[key], reference[key]) for key in differing_keys(stage.facts, reference)]
        if differing:
            parts.append(", ".join(differing) + ("" if stage.until is None else f" until epoch {stage.until}"))
    return ", then ".join(parts)


def differing_keys(facts: Facts, reference: Facts) -> list[str]:
    """The facts that are known of both and are not the same."""
    return [key for key in FACTS if key in facts and key in reference and facts[key] != reference[key]]


def _facts(content: Mapping[str, Any]) -> dict[str, str]:
    known = leaves(dict(content))
    return {key: known[key] for key in FACTS if isinstance(known.get(key), str)}


def _epochs(content: Mapping[str, Any]) -> list[int]:
    """After which epochs the environment changed."""
    words = [key.removeprefix(UNTIL) for key in content if key.startswith(UNTIL)]
    return [int(word) for word in words if _EPOCH.fullmatch(word)]


def _said(key: str, value: str, reference: str) -> str:
    if key != _SIMD:
        return f"{key} {value}"
    own, others = value.split(), reference.split()
    extra, missing = ([word for word in a if word not in b] for a, b in ((own, others), (others, own)))
    parts = [f"with {_few(extra)}"] * bool(extra) + [f"without {_few(missing)}"] * bool(missing)
    return f"{key} {' and '.join(parts) or 'in another order'}"


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return " ".join(words[:_SHOWN]) + more
