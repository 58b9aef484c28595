"""Markers of finished runs, written by hand."""

from typing import Any


def marker(outcome: str = "completed", **final: float) -> dict[str, Any]:
    """A whole marker without a seal; of a run that diverged at once if it has no metrics. Their keys have __ for /."""
    metrics = {key.replace("__", "/"): value for key, value in final.items()}
    if outcome == "completed":
        metrics = {"test/accuracy": 0.5, "best/test_accuracy": 0.5, "best/epoch": 1, **metrics}
    return {
        "outcome": outcome,
        "stopped_early": None,
        "final": metrics,
        "weights.sha256": "a" * 64,
        "data.sha256": "b" * 64,
        "model.parameters": 7,
        "model.multiply_adds": 7,
    }
