"""A run as MLflow shows it: a view of the history that can be made again at any time.

A store that fails costs one warning and nothing else: the history goes on, and the next command that meets the run
uploads what is missing.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.files import write_json
from experiments.interruption import undisturbed
from experiments.recorders.book import Entry, book_key, entries, open_times
from experiments.recorders.history import Row
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.tracker import Status, Tracker
from experiments.recorders.uri import public

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepPart:
    """What makes a run one of a sweep's: the sweep's id, its run in MLflow, and what sets this run apart."""

    sweep_id: str
    parent: str | None
    overrides: str


class TrackedRun:
    """One run in one store.

    Args:
        tracker: the store and experiment.
        book: the file that remembers which MLflow runs show this run.
        name: shown in MLflow's list.
        part: of which sweep, if of any; each sweep shows all its runs, also those that were finished before.
    """

    def __init__(self, tracker: Tracker, book: Path, name: str, part: SweepPart | None) -> None:
        self._tracker, self._book, self._name, self._part = tracker, book, name, part
        self._key = book_key(public(tracker.uri), tracker.experiment, part.sweep_id if part else "")
        self._lost = part is not None and part.parent is None  # the sweep could not be shown: not without its parent
        self.run_id: str | None = self._entry().get("run_id")

    @property
    def complete(self) -> bool:
        """Whether the store already shows all of the run, its end included."""
        return bool(self._entry().get("complete"))

    def start(self, tags: Mapping[str, str], params: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Show the run as RUNNING, with the rows it already has; an earlier view of it is taken up again."""
        self._try(lambda: self._start(tags, params, rows))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Show what was learned of the run after its start."""
        self._try(lambda: self._tracker.log_tags(self._known_run_id(), tags))

    def log_row(self, row: Row) -> None:
        """Show one more epoch."""
        self._try(lambda: self._log_row(row))

    def finish(self, status: Status, tags: Mapping[str, str], final: Sequence[Row], files: Sequence[Path]) -> None:
        """Show the run's end, its final metrics and its files; nothing where it never began."""
        if self.run_id is not None:
            self._try(lambda: self._finish(status, tags, final, files))

    def attach(self, tags: Mapping[str, str], files: Sequence[Path]) -> None:
        """Add to a run that has ended; nothing where it never began."""
        if self.run_id is not None:
            self._try(lambda: self._attach(tags, files))

    def process_is_gone(self) -> None:
        """Show that the run was interrupted. The book is left to whoever may have the run by now."""
        if self.run_id is not None and not self.complete:
            self._try(lambda: self._interrupted(self._known_run_id()))

    def abandon(self) -> None:
        """Leave the view of an earlier attempt as it is, closed; the next start makes a new one."""
        if self.run_id is not None and not self.complete:
            self.finish("KILLED", {"outcome": "interrupted"}, [], [])
        self.run_id = None
        self._remember(epochs=0)

    def _start(self, tags: Mapping[str, str], params: Mapping[str, Any], rows: Sequence[Row]) -> None:
        if self.run_id is None or not self._taken_up(self.run_id, len(rows)):
            part = self._part
            if part is not None:
                tags = {**tags, "sweep.id": part.sweep_id, "sweep.overrides": part.overrides}
            parent = part.parent if part else None
            self.run_id = None
            begun_ms = round(time.time() * 1000)
            self._opening(begun_ms)
            self.run_id = self._tracker.create(self._name, tags=tags, begun_ms=begun_ms, parent=parent)
        self._remember(epochs=len(rows), experiment_id=self._tracker.open())
        self._tracker.log_params(self.run_id, params)
        self._tracker.log_rows(self.run_id, rows)

    def _taken_up(self, run_id: str, epochs: int) -> bool:
        """Go on with the MLflow run that showed the last attempt, unless it shows epochs that were lost since."""
        self._opening(self._entry().get("begun_ms", 0))
        if not self._tracker.resume(run_id):
            return False
        if self._entry().get("epochs", 0) > epochs:
            self._interrupted(run_id)
            self._closed()
            return False
        return True

    def _log_row(self, row: Row) -> None:
        self._remember(epochs=row.epoch)
        self._tracker.log_rows(self._known_run_id(), [row])

    def _interrupted(self, run_id: str) -> None:
        self._tracker.log_tags(run_id, {"outcome": "interrupted"})
        self._tracker.finish(run_id, "KILLED")

    def _attach(self, tags: Mapping[str, str], files: Sequence[Path]) -> None:
        self._tracker.log_tags(self._known_run_id(), tags)
        self._tracker.log_files(self._known_run_id(), files)

    def _finish(self, status: Status, tags: Mapping[str, str], final: Sequence[Row], files: Sequence[Path]) -> None:
        run_id = self._known_run_id()
        self._tracker.log_rows(run_id, final)
        self._tracker.log_tags(run_id, tags)
        self._tracker.log_files(run_id, files)
        self._tracker.finish(run_id, status)
        self._closed(complete=status == "FINISHED")

    def _known_run_id(self) -> str:
        assert self.run_id is not None, "start comes first"
        return self.run_id

    def _try(self, action: Callable[[], None]) -> None:
        if self._lost:
            return
        with undisturbed():  # a call that is cut off leaves the database locked, and the run could not be closed
            try:
                action()
            except TrackerError as error:
                self._lost = True
                _log.warning("%s\nMLflow misses this run for now; the same command again will upload it.", error)

    def _entry(self) -> Entry:
        return entries(self._book).get(self._key, {})

    def _opening(self, begun_ms: int) -> None:
        """Note what the store is about to show as RUNNING: should its answer never come, it can still be closed."""
        self._remember(begun_ms=begun_ms, open=sorted({*open_times(self._entry()), begun_ms}))

    def _closed(self, **known: Any) -> None:
        """Note that the store shows the run's end."""
        entry = self._entry()
        others = [begun_ms for begun_ms in open_times(entry) if begun_ms != entry.get("begun_ms")]
        self._remember(open=others, **known)

    def _remember(self, **known: Any) -> None:
        """Note what the store shows: which run, how many epochs at the most, whether all, what may be RUNNING."""
        entry = {**self._entry(), "run_id": self.run_id, "complete": False, **known}
        write_json(self._book, entries(self._book) | {self._key: entry})
