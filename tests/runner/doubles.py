"""A tracking store in memory, in the place of MLflow's: quick, and out of order whenever a test says so."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from experiments.runs.history import Row
from experiments.tracking.client import TrackerError
from experiments.recorders.uploader import uploader


@dataclass
class StoredRun:
    """What the store holds of one run. Metrics are a set, as in MLflow: logged twice is logged once."""

    name: str
    parent: str | None
    tags: dict[str, str]
    run_id: str = ""
    begun_ms: int = 0
    ended_ms: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    metrics: set[tuple[str, int, int, float]] = field(default_factory=set)
    files: list[str] = field(default_factory=list)

    def values(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of one metric, in order."""
        return sorted((step, value) for name, step, _, value in self.metrics if name == key)


class Store:
    """Takes the place of `experiments.recorders.tracker.Tracker`, of every store and experiment."""

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.down = False
        self.down_after: int | None = None  # calls that still get through
        self.calls = 0

    def open(self) -> str:
        return "7"

    def forget(self) -> None:
        pass

    def create(self, name: str, *, tags: Mapping[str, str], begun_ms: int, parent: str | None = None) -> str:
        self._call()
        run_id = f"run{len(self.runs)}"
        self.runs[run_id] = StoredRun(name, parent, dict(tags), run_id, begun_ms)
        return run_id

    def created(self, *, tags: Mapping[str, str], begun_ms: int, parent: str | None) -> list[str]:
        self._call()
        return [
            run_id
            for run_id, run in self.runs.items()
            if (run.begun_ms, run.parent) == (begun_ms, parent) and tags.items() <= run.tags.items()
        ]

    def params(self, run_id: str) -> set[str] | None:
        self._call()
        return set(self.runs[run_id].params) if run_id in self.runs else None

    def log(self, run_id: str, *, params: Mapping[str, str], tags: Mapping[str, str], rows: Sequence[Row]) -> None:
        self._call()
        run = self.runs[run_id]
        assert not params.keys() & run.params.keys(), "MLflow lets none be changed"
        run.params.update(params)
        run.tags.update(tags)
        run.metrics |= {(key, row.epoch, row.timestamp_ms, value) for row in rows for key, value in row.metrics.items()}

    def log_file(self, run_id: str, file: Path) -> None:
        self._call()
        self.runs[run_id].files.append(file.name)

    def set_status(self, run_id: str, status: str, ended_ms: int | None) -> None:
        self._call()
        self.runs[run_id].status = status
        self.runs[run_id].ended_ms = ended_ms

    def interrupt(self, run_id: str) -> None:
        self._call()
        if run_id in self.runs and self.runs[run_id].status == "RUNNING":
            self.runs[run_id].tags["outcome"] = "interrupted"
            self.runs[run_id].status = "KILLED"

    def delete(self, run_id: str) -> None:
        self._call()
        del self.runs[run_id]

    @property
    def only(self) -> StoredRun:
        """The only run there is."""
        (run,) = self.runs.values()
        return run

    def _call(self) -> None:
        self.calls += 1
        if self.down or (self.down_after is not None and self.calls > self.down_after):
            raise TrackerError("is down")


def store_in_memory(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Have all that this process uploads go to a store in memory."""
    made, gone = Store(), Store()
    gone.down = True
    earlier = set(threading.enumerate()) - {threading.current_thread()}  # they try again what other tests left

    def tracker(*_: object) -> Store:
        return gone if threading.current_thread() in earlier else made

    for module in ("uploader", "settling"):
        monkeypatch.setattr(f"experiments.recorders.{module}.tracker", tracker)
    monkeypatch.setattr("experiments.recorders.uploader.mlflow", lambda: None)
    uploader.cache_clear()  # one that has met another store, or a failure, remembers it
    return made
