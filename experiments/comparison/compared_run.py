"""One run of a sweep, as its folder tells it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import untrusted
from experiments.pictures.scale import Value
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row, best
from experiments.runs.numerics import Stage, recorded_stages

_LONGEST = 300  # characters of an error


@dataclass(frozen=True)
class ComparedRun:
    """A run, and what came of it.

    Args:
        identity: of the run.
        name: what sets it apart, `lr=0.1 seed=2`.
        values: the same by key, numbers as numbers.
        outcome: `completed`, `diverged`, `failed`, `stopped` (given up by successive halving), `interrupted` or
            `unfinished` (no epoch yet).
        metrics: of the last epoch, with `best/test_accuracy` and `best/epoch`; empty where there is no epoch.
        error: why it failed, in a line.
        history: epoch by epoch.
        stages: what its epochs were computed with; empty where that is not known.
    """

    identity: str
    name: str
    values: dict[str, Value]
    outcome: str
    metrics: dict[str, float]
    error: str | None
    history: Sequence[Row]
    stages: Sequence[Stage] = ()

    @property
    def completed(self) -> bool:
        """Whether it came to its end and may be chosen."""
        return self.outcome == "completed"

    @property
    def epochs(self) -> int:
        """How many epochs it was trained."""
        return len(self.history)

    @property
    def seconds(self) -> float:
        """How long its epochs took."""
        return math.fsum(row.metrics.get("time/epoch_s", 0.0) for row in self.history)

    def record(self) -> dict[str, Any]:
        """All but the history, flat, as a row of a table."""
        return {
            "identity": self.identity,
            "name": self.name,
            **self.values,
            "outcome": self.outcome,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            **self.metrics,
        }


def read_run(planned: Mapping[str, Any], folder: RunFolder, given_up: Mapping[str, int]) -> ComparedRun:
    """Read a run's folder.

    Args:
        planned: the run in the sweep's plan: `identity`, `name`, `overrides`.
        folder: of the run.
        given_up: the identities that successive halving gave up.
    """
    rows = History(folder.history, needed=frozenset({"test/accuracy"})).rows()
    summary = folder.summary()
    error = None
    if summary is not None:
        outcome, metrics = summary["outcome"], summary["final"]
    else:
        metrics = rows[-1].metrics | best(rows) if rows else {}
        if folder.failure.exists():
            outcome = "failed"
            error = _error(folder.failure)
        elif planned["identity"] in given_up:
            outcome = "stopped"
        else:
            outcome = "interrupted" if rows else "unfinished"
    values = {key: number(value) for key, value in planned["overrides"].items()}
    stages = recorded_stages(folder.environment) if rows else ()
    return ComparedRun(planned["identity"], planned["name"], values, outcome, metrics, error, rows, stages)


def _error(failure: Path) -> str:
    try:
        return first_line(untrusted.read_bounded(failure, untrusted.JSON_SIZE).decode(errors="replace"))
    except untrusted.RefusedError:
        return "failed"


def number(text: str) -> Value:
    """A number where the text is one, so that 16 comes before 128.

    >>> number("16"), number("1e-3"), number("[8]"), number("true"), number("NaN")
    (16, 0.001, '[8]', 'true', 'NaN')
    """
    value = untrusted.number(text)
    return text if value is None else value


def first_line(traceback: str) -> str:
    """A traceback in a line: the first line of what was raised last, without the path of its class.

    >>> first_line('Traceback (most recent call last):\\n  File "x.py", line 1\\na.b.DataError: no file\\nmore')
    'DataError: no file'
    """
    *_, last = traceback.rpartition("Traceback (most recent call last):\n")
    raised = [line for line in last.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    if not raised:
        return "failed"
    return re.sub(r"^(?:\w+\.)+(?=\w+(?::|$))", "", raised[0])[:_LONGEST]
