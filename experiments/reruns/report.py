"""What a person reads of a rerun: what is run again, what differs from then, and whether the result is the same."""

from collections.abc import Iterator, Sequence

from experiments.comparison.wording import counted
from experiments.config.schema import Config
from experiments.reruns.changes import Change
from experiments.reruns.original import Original
from experiments.reruns.verdict import Divergence, Verdict
from experiments.runs.execute import RunResult
from experiments.runs.report import mlflow_run
from experiments.untrusted import printable

_COLUMN = 13


def opening(original: Original) -> str:
    """What is run again, and where that is known from."""
    record = original.record
    outcome = printable(record.facts.get("outcome", "unfinished"))
    lines = [
        f"rerun of {printable(record.identity)}: {counted(len(record.history), 'epoch')}, {outcome}",
        f"{'record':{_COLUMN}}{printable(original.place)}",
    ]
    if original.altered:
        lines.append(f"{'':{_COLUMN}}changed since it finished: {', '.join(original.altered)}")
    return "\n".join(lines)


def change_lines(changes: Sequence[Change]) -> str:
    """A line for each respect, with what differs below it."""
    return "\n".join(line for change in changes for line in _change(change))


def verdict_lines(verdict: Verdict, changes: Sequence[Change]) -> str:
    """Whether it is the same; if it is not, since when and by how much, and what may be why."""
    lines = list(_identical(verdict) if verdict.first is None else _different(verdict.first))
    if verdict.unrecorded:
        lines.append(f"not in the record, so not compared: {', '.join(verdict.unrecorded)}")
    if verdict.first is not None:
        lines += _reasons(changes)
    return "\n".join(lines)


def closing(result: RunResult, config: Config) -> str:
    """Where the rerun is."""
    return f"rerun {result.folder.path}" + mlflow_run(result.folder.path, config)


def _change(change: Change) -> Iterator[str]:
    yield f"{change.title:{_COLUMN}}{change.remark}"
    for line in change.lines:
        yield f"{'':{_COLUMN}}{line}"


def _identical(verdict: Verdict) -> Iterator[str]:
    epochs, every = counted(verdict.epochs, "epoch"), "every recorded metric" if verdict.unrecorded else "every metric"
    if verdict.largest is not None:
        by = _size(verdict.largest) if verdict.largest.numbers else "only the weights differ"
        yield f"equal within {verdict.tolerance:g}: {epochs}, {every}; largest difference {by}"
    elif verdict.weights == verdict.epochs:
        yield f"identical: {epochs}, {every} and the weights after each, to the last bit"
    else:
        yield f"identical: {epochs}, {every} to the last bit, and what is recorded of the weights"


def _different(first: Divergence) -> Iterator[str]:
    where = "" if first.epoch is None else f" from epoch {first.epoch} on"
    yield f"different{where}: {printable(first.key)}"
    yield f"{'  then':{_COLUMN}}{_value(first.then)}"
    yield f"{'  now':{_COLUMN}}{_value(first.now)}"
    if first.numbers is not None:
        yield f"{'  difference':{_COLUMN}}{_size(first)}"


def _size(divergence: Divergence) -> str:
    assert divergence.numbers is not None, "only numbers have a size"
    then, now = divergence.numbers
    said = f"{abs(now - then):.3g}, relatively {divergence.relative:.3g}"
    return f"{said} ({printable(divergence.key)}, epoch {divergence.epoch})"


def _reasons(changes: Sequence[Change]) -> Iterator[str]:
    differing = [change for change in changes if change.differs]
    if not differing:
        yield "nothing that is recorded of code, data, configuration and environment differs: was the record changed?"
        return
    yield "what may be why"
    for change in differing:
        yield from (f"  {line}" for line in _change(change))


def _value(value: float | str | None) -> str:
    return "–" if value is None else repr(value) if isinstance(value, float) else printable(value)
