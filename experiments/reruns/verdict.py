"""Whether two runs are the same bits; where they are not, what is the first to differ, and by how much."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from experiments.comparison.run_record import Metrics, RunRecord

_WEIGHTS = "weights.sha256"


@dataclass(frozen=True)
class Divergence:
    """Something that is not as it was then.

    Args:
        key: a metric, the digest of the weights, the number of epochs, or the outcome.
        then: as it is recorded; None if the record does not have it.
        now: as it is in the rerun; None if that does not have it.
        epoch: after which it is so; None if it is about the run as a whole.
    """

    key: str
    then: float | str | None
    now: float | str | None
    epoch: int | None = None

    @property
    def numbers(self) -> tuple[float, float] | None:
        """Both values, if they are numbers."""
        if isinstance(self.then, float) and isinstance(self.now, float):
            return self.then, self.now
        return None

    @property
    def relative(self) -> float:
        """|then - now| / max(|then|, |now|); infinite where there is no such number."""
        if self.numbers is None:
            return float("inf")
        then, now = self.numbers
        difference = abs(then - now)
        if difference == 0:
            return 0.0
        share = difference / max(abs(then), abs(now))
        return share if share == share else float("inf")  # noqa: PLR0124  # not a number: one of them is none


@dataclass(frozen=True)
class Verdict:
    """What a comparison found.

    Args:
        first: what differs first, beyond the tolerance if there is one.
        largest: of the metrics that differ within it, the one that does most.
        epochs: how many were compared.
        weights: of how many of these epochs the digests of the weights were.
        tolerance: relative; None where the bits count.
        unrecorded: metrics of the rerun that the record does not have.
    """

    first: Divergence | None
    largest: Divergence | None
    epochs: int
    weights: int
    tolerance: float | None
    unrecorded: tuple[str, ...] = ()

    @property
    def result(self) -> str:
        """`identical`, `within tolerance` or `different`."""
        if self.first is not None:
            return "different"
        return "identical" if self.largest is None else "within tolerance"

    def facts(self) -> dict[str, Any]:
        """For a file."""
        first, largest = (None if found is None else asdict(found) for found in (self.first, self.largest))
        return {
            "result": self.result,
            "epochs": self.epochs,
            "first": first,
            "tolerance": self.tolerance,
            "largest": largest,
        }


def judge(then: RunRecord, now: RunRecord, tolerance: float | None = None) -> Verdict:
    """Compare a rerun with what it repeats.

    Every recorded metric of every epoch but times, the digest of every epoch's weights, the number of epochs, the
    outcome and the final weights are to be the same bits. With a tolerance, metrics may differ relatively by as much,
    and weights in any way; a run of the same bits is still identical.
    """
    apart = list(_apart(then, now))
    if tolerance is not None and apart:
        metrics = [found for found in apart if found.key != _WEIGHTS]
        beyond = [found for found in metrics if found.relative > tolerance]
        largest = max(metrics, key=lambda found: found.relative, default=Divergence(_WEIGHTS, None, None))
        first = beyond[0] if beyond else None
    else:
        first, largest = (apart[0] if apart else None), None
    pairs = zip(then.history, now.history, strict=False)
    unrecorded = dict.fromkeys(key for old, new in pairs for key in new if key not in old and not is_time(key))
    return Verdict(first, largest, len(then.history), sum(map(bool, then.weights)), tolerance, tuple(unrecorded))


def _apart(then: RunRecord, now: RunRecord) -> Iterator[Divergence]:
    """Everything that differs, in the order of time."""
    for position in range(min(len(then.history), len(now.history))):
        epoch = position + 1
        yield from _metrics_apart(then.history[position], now.history[position], epoch)
        if then.weights and then.weights[position] and then.weights[position] != now.weights[position]:
            yield Divergence(_WEIGHTS, then.weights[position], now.weights[position], epoch)
    if len(then.history) != len(now.history):
        yield Divergence("number of epochs", str(len(then.history)), str(len(now.history)))
    if then.facts.get("outcome") in ("completed", "diverged") and then.facts["outcome"] != now.facts.get("outcome"):
        yield Divergence("outcome", then.facts["outcome"], now.facts.get("outcome"))
    if then.facts.get(_WEIGHTS) and then.facts[_WEIGHTS] != now.facts.get(_WEIGHTS):
        yield Divergence(_WEIGHTS, then.facts[_WEIGHTS], now.facts.get(_WEIGHTS))


def _metrics_apart(then: Metrics, now: Metrics, epoch: int) -> Iterator[Divergence]:
    for key, value in then.items():
        # repr tells any two numbers apart, 0.0 from -0.0 as well, and takes what is not a number for equal.
        if not is_time(key) and repr(value) != repr(now.get(key)):
            yield Divergence(key, value, now.get(key), epoch)


def is_time(key: str) -> bool:
    """Whether a clock has measured it: that is never the same twice."""
    return key.startswith("time/")
