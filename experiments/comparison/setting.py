"""A setting: the runs that differ in nothing but their seed, and what they came to on average."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.comparison.compared_run import ComparedRun
from experiments.pictures.scale import Value


@dataclass(frozen=True)
class Setting:
    """The values that the runs share, by key, and the runs, the best first."""

    values: dict[str, Value]
    runs: Sequence[ComparedRun]

    @property
    def completed(self) -> list[ComparedRun]:
        """The runs that count."""
        return [run for run in self.runs if run.completed]

    @property
    def lost(self) -> int:
        """How many runs were trained and cannot count: they diverged or were given up."""
        return sum(run.outcome in ("diverged", "stopped") for run in self.runs)

    def outcomes(self) -> dict[str, int]:
        """How many runs came to what."""
        return dict(Counter(run.outcome for run in self.runs))

    def measured(self, metric: str) -> list[float]:
        """A metric's values over the completed runs."""
        return [run.metrics[metric] for run in self.completed if metric in run.metrics]

    def mean(self, metric: str) -> float | None:
        """The mean over the completed runs; None without any."""
        return mean(self.measured(metric))

    def deviation(self, metric: str) -> float | None:
        """The sample standard deviation over the completed runs; None with fewer than two."""
        return deviation(self.measured(metric))


def mean(values: Sequence[float]) -> float | None:
    """m = Σ x / n, rounded once; None where there is no value.

    >>> mean([1, 2, 6]), mean([])
    (3.0, None)
    """
    return math.fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """s = √(Σ (x - m)² / (n - 1)); None with fewer than two values.

    >>> deviation([1, 2, 6]), deviation([1])
    (2.6457513110645907, None)
    """
    middle = mean(values)
    if middle is None or len(values) < 2:
        return None
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
