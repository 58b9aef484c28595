"""The history of a run: one JSON object an epoch, `{"epoch": 1, "metrics": {…}, …}`. It is the truth about the run."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.files import write_whole


@dataclass(frozen=True)
class Row:
    """One epoch: its measurements, when it ended, and the digest of the weights it left."""

    epoch: int
    metrics: dict[str, float]
    timestamp_ms: int
    weights_sha256: str


class History:
    """The rows of one file, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, row: Row) -> None:
        """Add a row; it is on the disk when this returns."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[Row]:
        """All whole rows in order; a line torn by a crash, and what follows it, does not count."""
        rows: list[Row] = []
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() if self._path.exists() else []
        for line in lines:
            try:
                row = Row(**json.loads(line))
            except (ValueError, TypeError):
                break
            if row.epoch != len(rows) + 1:
                break
            rows.append(row)
        return rows

    def keep(self, epochs: int) -> list[Row]:
        """Forget everything after this many epochs, and return what is left.

        Raises:
            ValueError: there are fewer; nothing is forgotten then.
        """
        rows = self.rows()[:epochs]
        if len(rows) < epochs:
            raise ValueError(f"{self._path} has {len(rows)} epochs, but {epochs} are expected")
        write_whole(self._path, "".join(json.dumps(asdict(row)) + "\n" for row in rows))
        return rows


def deciding(metrics: Mapping[str, float]) -> str:
    """The accuracy by which epochs and runs are chosen: that of the validation images where there are any."""
    return "val/accuracy" if "val/accuracy" in metrics else "test/accuracy"


def best(rows: Sequence[Row]) -> dict[str, float]:
    """Test accuracy and number of the best epoch: by validation accuracy if there is one, else by test accuracy."""
    key = deciding(rows[0].metrics)
    row = max(rows, key=lambda row: row.metrics[key])  # the first of equals
    return {"best/test_accuracy": row.metrics["test/accuracy"], "best/epoch": row.epoch}
