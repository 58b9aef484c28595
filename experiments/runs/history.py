"""The history of a run: one JSON object an epoch, `{"epoch": 1, "metrics": {…}, …}`. It is the truth about the run.

A row is written once. When its epoch is computed again, it stays as it is if the same comes out. Its line ends with a
digest of the rest, so that not one digit can change unnoticed; a line without one was written before there were any.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

from experiments.digest import json_digest
from experiments.files import write_whole
from experiments.untrusted import RefusedError, is_time_ms, json_mapping, opened

_SEAL = "sha256"
_LARGEST = 1 << 30  # bytes of a history; a million epochs have less
_LINE = 1 << 16  # bytes of a line, its end included; ours have five hundred


@dataclass(frozen=True)
class Row:
    """One epoch: its measurements, when it ended, and the digest of the weights it left."""

    epoch: int
    metrics: dict[str, float]
    timestamp_ms: int
    weights_sha256: str


class History:
    """The rows of one file, oldest first.

    Args:
        path: of the file.
        needed: metrics that every row must have.
    """

    def __init__(self, path: Path, needed: frozenset[str] = frozenset()) -> None:
        self._path, self._needed = path, needed

    def append(self, row: Row) -> None:
        """Add a row; it is on the disk when this returns."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(row), _SEAL: json_digest(asdict(row))}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[Row]:
        """All whole rows in order; a line torn by a crash, and what follows it, does not count.

        Raises:
            RefusedError: what is there is no file, or larger than any history.
        """
        return [row for row, _ in self._read()]

    def keep(self, epochs: int) -> list[Row]:
        """Forget everything after this many epochs and whatever is damaged, and return what is left.

        What is kept stays as it was written.

        Raises:
            RefusedError: as in `rows`.
        """
        kept = self._read()[:epochs]
        content = b"".join(line + b"\n" for _, line in kept)
        is_own = self._path.exists() and not self._path.is_symlink()  # a link leads to a file of somebody else's
        if not is_own or self._path.stat().st_size != len(content):  # what is kept are its first lines
            write_whole(self._path, content)
        return [row for row, _ in kept]

    def _read(self) -> list[tuple[Row, bytes]]:
        """Whole rows, each with its line."""
        read: list[tuple[Row, bytes]] = []
        for line in self._lines():
            row = _row(line)
            if row is None or row.epoch != len(read) + 1 or not self._needed <= row.metrics.keys():
                break
            if read and row.metrics.keys() != read[0][0].metrics.keys():
                break
            read.append((row, line))
        return read

    def _lines(self) -> Iterator[bytes]:
        """Line by line, and of one that is too long its pieces: nobody knows how large a stranger's file is."""
        if not self._path.exists():
            return
        try:
            file = opened(self._path, _LARGEST)
        except RefusedError as error:
            again = "move it away, and the run's own command writes it anew"
            raise RefusedError(error.place, f"{error.reason}; {again}") from error
        with file:
            while line := file.readline(_LINE):
                yield line.removesuffix(b"\n")


def difference(then: Row, now: Row) -> str | None:
    """Say what came out differently when an epoch was computed again; None if nothing did. Times may differ.

    >>> first, again = Row(1, {"train/loss": 0.5}, 1000, "ab"), Row(1, {"train/loss": 0.25}, 2000, "cd")
    >>> difference(first, again)
    'train/loss was 0.5 and is 0.25, the weights are others'
    """
    before, after = _measured(then), _measured(now)
    named = [key for key in before | after if before.get(key) != after.get(key)]
    said = [f"{key} was {before.get(key)} and is {after.get(key)}" for key in named]
    if then.weights_sha256 != now.weights_sha256:
        said.append("the weights are others")
    return ", ".join(said) or None


def deciding(metrics: Mapping[str, float]) -> str:
    """The accuracy by which epochs and runs are chosen: that of the validation images where there are any."""
    return "val/accuracy" if "val/accuracy" in metrics else "test/accuracy"


def best(rows: Sequence[Row]) -> dict[str, float]:
    """Test accuracy and number of the best epoch: by validation accuracy if there is one, else by test accuracy."""
    key = deciding(rows[0].metrics)
    row = max(rows, key=lambda row: row.metrics[key])  # the first of equals
    return {"best/test_accuracy": row.metrics["test/accuracy"], "best/epoch": row.epoch}


def _row(line: bytes) -> Row | None:
    """The row in a line; None if there is none, or not one that a run has written."""
    try:
        content = json_mapping(line, "")
        row = Row(**{key: value for key, value in content.items() if key != _SEAL})
        numbers = all(type(value) in (int, float) and isfinite(value) for value in row.metrics.values())
    except (RefusedError, TypeError, AttributeError):
        return None
    kinds = [type(value) for value in (row.epoch, row.timestamp_ms, row.weights_sha256)]
    digest = json_digest(asdict(row))
    sound = (
        numbers and kinds == [int, int, str] and is_time_ms(row.timestamp_ms) and content.get(_SEAL, digest) == digest
    )
    return row if sound else None


def _measured(row: Row) -> dict[str, float]:
    return {key: value for key, value in row.metrics.items() if not key.startswith("time/")}
