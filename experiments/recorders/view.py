"""A view of a run in a tracking store: what the store is to show, and the way there, which can be gone again and again.

What is to be shown is first written down, in the folder's book and history; uploading then makes the store equal to
that. It may be cut off anywhere and be taken up by anybody: nothing is shown twice, and nothing is left out.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.recorders.book import BOOK, Entry, book_key, entries, is_complete, place_of, write_entry
from experiments.recorders.history import Row
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.pending import no_longer_pending, note_run, pending
from experiments.recorders.tracker import Tracker

# By these tags, and the time of its beginning, a run is known whose id never came back.
_LASTING = ("identity", "rerun.of", "sweep.id", "sweep.overrides", "sweep.size")


class ParentMissingError(TrackerError):
    """The store does not show the run's sweep yet."""


class DetachedError(Exception):
    """Somebody else may be at the folder by now."""


class View:
    """One run in one store. One thread says what is to be shown, another uploads it.

    Whoever has it holds the folder's lock; with the lock, it is given up by `detach`.

    Args:
        folder: of the run or the sweep.
        key: of the book's entry.
        entry: what the book has there, or a new one.
        rows: of the history.
    """

    def __init__(self, folder: Path, key: str, entry: Entry, rows: Sequence[Row]) -> None:
        self._folder, self._key, self._entry, self._rows = folder, key, entry, list(rows)
        self._params: set[str] | None = None  # what the store shows of them, once it was asked
        self._detached = False
        self._changing = threading.Lock()
        self._uploading = threading.Lock()

    @property
    def run_id(self) -> str | None:
        """The MLflow run, once it is known."""
        return self._entry.run_id

    @property
    def is_current(self) -> bool:
        """Whether the store shows all that there is to show by now."""
        with self._changing:
            return self._entry.shown == self._entry.revision and self._entry.epochs >= len(self._rows)

    @property
    def is_complete(self) -> bool:
        """Whether it shows the run's end as well."""
        return self._entry.complete and self.is_current

    def change(self, change: Callable[[Entry], None]) -> None:
        """Change what is to be shown; it is on the disk when this returns."""
        with self._changing:
            change(self._entry)
            self._entry.revision += 1
            pending(self._folder)
            write_entry(self._folder / BOOK, self._key, self._entry)

    def add_row(self, row: Row) -> None:
        """Show one more row, which the history has."""
        with self._changing:
            self._rows.append(row)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, all that the history has."""
        with self._changing:
            goes_on = list(rows[: len(self._rows)]) == self._rows
            if goes_on:
                self._rows = list(rows)
        if not goes_on:
            self.begin_anew(rows)

    def begin_anew(self, rows: Sequence[Row]) -> None:
        """Show these rows in an MLflow run of their own: the one there is has others, and MLflow forgets none."""
        with self._uploading:
            self._rows = list(rows)
            self._params = None
            self.change(forget_run)

    def detach(self) -> None:
        """Have no further part in it: an upload under way ends, and what it has still done counts as unknown."""
        with self._changing:
            self._detached = True

    def upload(self, tracker: Tracker) -> bool:
        """Make the store show what it is to show; False if somebody else may be at the folder by now.

        Raises:
            TrackerError: it could not be done, or not all of it; the next time goes on there.
        """
        with self._uploading:
            try:
                self._upload(tracker)
            except DetachedError:
                return False
            except BaseException:
                self._params = None
                tracker.forget()
                raise
            return True

    def _upload(self, tracker: Tracker) -> None:
        self._refuse_detached()
        with self._changing:
            wanted, rows = replace(self._entry, tags=dict(self._entry.tags)), list(self._rows)
        run_id = self._run(tracker, wanted)
        self._log(tracker, run_id, wanted, rows)
        if wanted.shown != wanted.revision:
            self._log_files(tracker, run_id, wanted)
            if wanted.status != "RUNNING":
                self._end(tracker, run_id, wanted)
            self._note(shown=wanted.revision)
            with self._changing:
                if not self._detached and is_complete(self._folder / BOOK):
                    no_longer_pending(self._folder)

    def _run(self, tracker: Tracker, wanted: Entry) -> str:
        """The MLflow run, made if there is none."""
        if self._params is not None and wanted.run_id is not None:
            return wanted.run_id
        for run_id in wanted.replaced:
            tracker.interrupt(run_id)
        self._note(replaced=[])
        if wanted.run_id is not None:
            self._params = tracker.params(wanted.run_id)
            if self._params is not None:
                if wanted.status == "RUNNING":
                    tracker.set_status(wanted.run_id, "RUNNING", None)
                return wanted.run_id
            self._note(run_id=None, asked=False, epochs=0, sent=0, uploaded={})  # it was deleted
        return self._create(tracker)

    def _create(self, tracker: Tracker) -> str:
        entry, parent = self._entry, self._parent()
        found = self._created(tracker, parent) if entry.asked else []
        if found:
            run_id = found[0]
            self._params = tracker.params(run_id)
        else:
            self._note(asked=True, asked_twice=entry.asked or entry.asked_twice)
            run_id = tracker.create(entry.name, tags=entry.tags, begun_ms=entry.begun_ms, parent=parent)
            self._params = set()
        note_run(self._folder, run_id)
        self._note(run_id=run_id, experiment_id=tracker.open())
        return run_id

    def _log(self, tracker: Tracker, run_id: str, wanted: Entry, rows: Sequence[Row]) -> None:
        new = rows[self._entry.epochs :]
        changed = wanted.shown != wanted.revision
        if new or changed:
            if len(rows) > self._entry.sent:
                self._note(sent=len(rows))
            params = {key: text for key, text in wanted.params.items() if key not in (self._params or ())}
            tags = wanted.tags if changed else {}
            final = [replace(rows[-1], metrics=wanted.metrics)] if rows and wanted.metrics else []
            self._refuse_detached()
            tracker.log(run_id, params=params, tags=tags, rows=[*new, *final])
            self._params = set(wanted.params) | (self._params or set())
            with self._changing:
                self._entry.epochs = max(self._entry.epochs, len(rows))

    def _log_files(self, tracker: Tracker, run_id: str, wanted: Entry) -> None:
        uploaded = dict(self._entry.uploaded)
        for path in (self._folder / name for name in wanted.files):
            is_here = path.is_file() and not path.is_symlink()  # a link leads to files that are none of the run's
            changed_ns = path.stat().st_mtime_ns if is_here else None
            if changed_ns is not None and uploaded.get(path.name) != changed_ns:
                self._refuse_detached()
                tracker.log_file(run_id, path)
                uploaded[path.name] = changed_ns
        with self._changing:
            self._entry.uploaded = uploaded

    def _end(self, tracker: Tracker, run_id: str, wanted: Entry) -> None:
        self._refuse_detached()
        if self._entry.asked_twice:
            for other in self._created(tracker, self._parent()):
                if other != run_id:
                    tracker.delete(other)
        tracker.set_status(run_id, wanted.status, wanted.ended_ms)

    def _created(self, tracker: Tracker, parent: str | None) -> list[str]:
        entry = self._entry
        lasting = {key: text for key, text in entry.tags.items() if key in _LASTING}
        return tracker.created(tags=lasting, begun_ms=entry.begun_ms, parent=parent)

    def _parent(self) -> str | None:
        """The MLflow run of the sweep, if this is a run of one."""
        uri, experiment, sweep_id = place_of(self._key) or ("", "", "")
        if not sweep_id:
            return None
        book = self._folder.parent.parent / "sweeps" / sweep_id / BOOK
        if not book.exists():  # removed by hand
            return None
        sweep = entries(book).get(book_key(uri, experiment, ""))
        if sweep is None or sweep.run_id is None:
            raise ParentMissingError(f"{uri} does not show the sweep {sweep_id} yet")
        return sweep.run_id

    def _note(self, **known: Any) -> None:
        """Note what the store shows."""
        with self._changing:
            if self._detached:
                raise DetachedError
            if any(getattr(self._entry, name) != value for name, value in known.items()):
                for name, value in known.items():
                    setattr(self._entry, name, value)
                write_entry(self._folder / BOOK, self._key, self._entry)

    def _refuse_detached(self) -> None:
        self._note()


def forget_run(entry: Entry) -> None:
    """Have the run shown anew. One that was asked for, and whose id never came back, is new enough."""
    if entry.run_id is not None:
        entry.replaced = [*entry.replaced, entry.run_id]
        entry.run_id, entry.asked, entry.asked_twice = None, False, False
        entry.begun_ms = now_ms()
    entry.epochs, entry.sent, entry.uploaded = 0, 0, {}


def now_ms() -> int:
    """Milliseconds since 1970."""
    return round(time.time() * 1000)
