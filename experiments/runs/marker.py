"""What a marker must say to be believed: it may be damaged, or come from a stranger.

That is all that is read of one anywhere, each of its kind. What else it says, and in which version, does not matter.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

_OUTCOMES = ("completed", "diverged")
_DIGESTS = ("weights.sha256", "data.sha256")
_COUNTS = ("model.parameters", "model.multiply_adds")
_ACCURACIES = frozenset({"test/accuracy", "best/test_accuracy", "best/epoch"})


def is_whole(marker: Mapping[str, Any]) -> bool:
    """Whether it says what came of a run."""
    return (
        marker.get("outcome") in _OUTCOMES
        and isinstance(marker.get("stopped_early", 0), str | None)
        and all(isinstance(marker.get(key), str) for key in _DIGESTS)
        and all(type(marker.get(key)) is int for key in _COUNTS)
        and _is_final(marker.get("final"), marker["outcome"])
    )


def _is_final(metrics: object, outcome: str) -> bool:
    """Whether these are the metrics of a run's end: there are none if it diverged in its first epoch."""
    if not isinstance(metrics, dict):
        return False
    numbers = all(type(value) in (int, float) and isfinite(value) for value in metrics.values())
    return numbers and (metrics.keys() >= _ACCURACIES if metrics else outcome == "diverged")
