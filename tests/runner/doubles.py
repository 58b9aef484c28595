"""A tracking store in memory, in the place of MLflow's: quick, and out of order whenever a test says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.recorders.history import Row
from experiments.recorders.mlflow_client import TrackerError


@dataclass
class StoredRun:
    """What the store holds of one run. Metrics are a set, as in MLflow: logged twice is logged once."""

    name: str
    parent: str | None
    tags: dict[str, str]
    run_id: str = ""
    begun_ms: int = 0
    params: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    metrics: set[tuple[str, int, int, float]] = field(default_factory=set)
    files: list[str] = field(default_factory=list)

    def values(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of one metric, in order."""
        return sorted((step, value) for name, step, _, value in self.metrics if name == key)


class Store:
    """Takes the place of `experiments.recorders.tracker.Tracker`."""

    uri, experiment = "memory://", "cnn"
    key = uri  # also of `experiments.recorders.store.Store`

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.down = False
        self.down_after: int | None = None  # calls that still get through
        self.calls = 0

    def open(self) -> str:
        return "7"

    def create(self, name: str, *, tags: Mapping[str, str], begun_ms: int, parent: str | None = None) -> str:
        self._call()
        run_id = f"run{len(self.runs)}"
        self.runs[run_id] = StoredRun(name, parent, dict(tags), run_id, begun_ms)
        return run_id

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        self._call()
        self.runs[run_id].params.update({key: str(value) for key, value in params.items()})

    def resume(self, run_id: str) -> bool:
        self._call()
        if run_id in self.runs:
            self.runs[run_id].status = "RUNNING"
        return run_id in self.runs

    def log_rows(self, run_id: str, rows: Sequence[Row]) -> None:
        self._call()
        self.runs[run_id].metrics |= {
            (key, row.epoch, row.timestamp_ms, value) for row in rows for key, value in row.metrics.items()
        }

    def log_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._call()
        self.runs[run_id].tags.update(tags)

    def log_files(self, run_id: str, files: Sequence[Path]) -> None:
        self._call()
        self.runs[run_id].files += [file.name for file in files if file.exists()]

    def finish(self, run_id: str, status: str) -> None:
        self._call()
        self.runs[run_id].status = status

    def running(self) -> list[StoredRun]:
        self._call()
        return [run for run in self.runs.values() if run.status == "RUNNING"]

    def is_running(self, run_id: str) -> bool:
        self._call()
        return self.runs[run_id].status == "RUNNING"

    def interrupt(self, run_id: str) -> None:
        self._call()
        self.runs[run_id].tags["outcome"] = "interrupted"
        self.runs[run_id].status = "KILLED"

    @property
    def only(self) -> StoredRun:
        """The only run there is."""
        (run,) = self.runs.values()
        return run

    def _call(self) -> None:
        self.calls += 1
        if self.down or (self.down_after is not None and self.calls > self.down_after):
            raise TrackerError("tracking.uri=memory://: is down")
