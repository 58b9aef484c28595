"""What differs between runs: in configuration, environment, result and speed, and from which epoch on.

Only what differs is shown. Two runs of the same bits have the same result, however long they took.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from experiments.comparison.run_record import Metrics, RunRecord

_CLOCK = "time/"  # metrics that differ whenever something is measured twice
_UNKNOWN = "–"
_DIGITS = (4, 6, 9, 12, 17)  # 17 tell any two numbers of double precision apart
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_DIGITS = 12  # of a digest or an id: enough to know it by


@dataclass(frozen=True)
class Difference:
    """One line: what it is about, and how it is in each of the runs."""

    key: str
    values: Sequence[str]


@dataclass(frozen=True)
class Section:
    """What differs in one respect; a remark where that cannot be said, or not of all runs."""

    title: str
    lines: Sequence[Difference]
    remark: str = ""


def differences(records: Sequence[RunRecord]) -> list[Section]:
    """What sets these runs apart."""
    facts = [record.facts for record in records]
    metrics = [_result_part(record.metrics) for record in records]
    speeds = [{key: value for key, value in record.metrics.items() if key.startswith(_CLOCK)} for record in records]
    return [
        Section("config", texts_apart([record.config for record in records])),
        _environment(records),
        Section("result", [*texts_apart(facts), *_epochs(records), *_numbers_apart(metrics)]),
        Section("speed", _numbers_apart(speeds)),
    ]


def difference_table(records: Sequence[RunRecord], sections: Sequence[Section]) -> Table:
    """The sections one below the other, a column for each run."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    for record in records:
        where = f"MLflow {record.run_id[:_DIGEST_DIGITS]}" if record.run_id else "folder"
        table.add_column(Text(f"{record.identity}\n{where}"), overflow="fold")
    for section in sections:
        remark = section.remark or ("" if section.lines else "the same")
        table.add_row(Text(section.title, style="bold"), Text(remark))
        for line in section.lines:
            table.add_row(*(Text(_printable(text)) for text in (f"  {line.key}", *line.values)))
    return table


def _environment(records: Sequence[RunRecord]) -> Section:
    recorded = [record.environment for record in records if record.environment is not None]
    if len(recorded) < len(records):
        missing = [record.identity for record in records if record.environment is None]
        return Section("environment", [], f"not known of {', '.join(missing)}")
    return Section("environment", texts_apart(recorded))


def _epochs(records: Sequence[RunRecord]) -> list[Difference]:
    """How many epochs there are, and what is the first to differ in the first epoch in which something does."""
    counts = [len(record.history) for record in records]
    shared = min(counts)
    lines = [Difference("epochs", [str(count) for count in counts])] if len(set(counts)) > 1 else []
    for epoch in range(shared):
        apart = _numbers_apart([_result_part(record.history[epoch]) for record in records])
        if all(record.weights for record in records):
            apart += texts_apart([{"weights.sha256": record.weights[epoch]} for record in records])
        if apart:
            first = next((line for line in apart if line.key == "train/loss"), apart[0])
            return [*lines, Difference(f"from epoch {epoch + 1} on, {first.key}", first.values)]
    if lines and shared:
        lines.append(Difference(f"up to epoch {shared}", ["the same"] * len(records)))
    return lines


def _result_part(metrics: Metrics) -> Metrics:
    return {key: value for key, value in metrics.items() if not key.startswith(_CLOCK)}


def texts_apart(columns: Sequence[Mapping[str, str]]) -> list[Difference]:
    """The keys that have not the same text in every column, in the order of the first; digests are shortened."""
    rows = ((key, [column.get(key, _UNKNOWN) for column in columns]) for key in _keys(columns))
    return [Difference(key, _shortened(values)) for key, values in rows if len(set(values)) > 1]


def _numbers_apart(columns: Sequence[Metrics]) -> list[Difference]:
    """The keys that have not the same number in every column, to the bit; in as few digits as show it."""
    rows = ((key, [column.get(key) for column in columns]) for key in _keys(columns))
    return [Difference(key, _written(values)) for key, values in rows if len(set(map(repr, values))) > 1]


def _keys(columns: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(key for column in columns for key in column))


def _written(values: Sequence[float | None]) -> list[str]:
    """Numbers with as many digits as tell them apart.

    >>> _written([0.25, 0.5, None]), _written([0.1234567, 0.1234568])
    (['0.25', '0.5', '–'], ['0.1234567', '0.1234568'])
    """
    distinct = len(set(map(repr, values)))
    texts = [""]
    for digits in _DIGITS:
        texts = [_UNKNOWN if value is None else f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == distinct:
            break
    return texts


def _shortened(texts: Sequence[str]) -> list[str]:
    """Digests as far as they must be read to tell them apart; other texts as they are."""
    if not all(text == _UNKNOWN or _DIGEST.fullmatch(text) for text in texts):
        return list(texts)
    lengths = range(_DIGEST_DIGITS, 65)
    length = next(length for length in lengths if len({text[:length] for text in texts}) == len(set(texts)))
    return [text[:length] for text in texts]


def _printable(text: str) -> str:
    """Without characters that would do something to a terminal."""
    return text if text.replace("\n", "").isprintable() else repr(text)[1:-1]
