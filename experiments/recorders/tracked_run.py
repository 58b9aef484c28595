"""A run, or a sweep, as a tracking store is to show it: begun, row by row, ended.

Nothing here waits for a store before the end. What is to be shown is written into the book first, see
`experiments.recorders.view`; uploading happens in the background.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.recorders.book import BOOK, Entry, Status, book_key, entries
from experiments.recorders.history import History, Row
from experiments.recorders.pending import noted_runs
from experiments.recorders.uploader import Uploader
from experiments.recorders.uri import public
from experiments.recorders.view import View, forget_run, now_ms

_SOURCE = {"mlflow.source.name": "experiments.train", "mlflow.source.type": "LOCAL"}


@dataclass(frozen=True)
class SweepPart:
    """What makes a run one of a sweep's: the sweep's id, and what sets this run apart."""

    sweep_id: str
    overrides: str


class TrackedRun:
    """One run in one store. The folder is held for it.

    Args:
        uploader: to the store.
        experiment: name.
        folder: of the run or sweep; its book remembers which MLflow runs show it.
        name: shown in MLflow's list.
        part: of which sweep, if of any; each sweep shows all its runs, also those that were finished before.
    """

    def __init__(self, uploader: Uploader, experiment: str, folder: Path, name: str, part: SweepPart | None) -> None:
        self._uploader, self._experiment, self._folder, self._name = uploader, experiment, folder, name
        self._part = part
        self._key = book_key(public(uploader.uri), experiment, part.sweep_id if part else "")
        self._view: View | None = None
        self._anew = False
        self._begun = time.monotonic()

    @property
    def run_id(self) -> str | None:
        """The MLflow run, once it is known."""
        if self._view is not None:
            return self._view.run_id
        entry = self._entry()
        return entry.run_id if entry else None

    @property
    def complete(self) -> bool:
        """Whether the store already shows all of the run, its end included."""
        entry = self._entry()
        return entry is not None and entry.complete and not self._anew

    @property
    def is_owed(self) -> bool:
        """Whether the run has ended, and the store does not show all of it yet."""
        entry = self._entry()
        return entry is not None and entry.status != "RUNNING" and not entry.complete

    @property
    def is_begun(self) -> bool:
        """Whether it is to be shown at all by now."""
        return self._view is not None

    def begin_anew(self) -> None:
        """Leave the view of an earlier attempt as it is, closed, and make a new one."""
        self._anew = True

    def begin(
        self, tags: Mapping[str, str], params: Mapping[str, Any], rows: Sequence[Row], files: Sequence[Path]
    ) -> None:
        """Show the run as RUNNING, with the rows it already has; an earlier view of it is taken up again."""
        part = self._part
        if part is not None:
            tags = {**tags, "sweep.id": part.sweep_id, "sweep.overrides": part.overrides}
        tags, texts = {**tags, **_SOURCE}, {key: str(value) for key, value in params.items()}
        entry = self._entry() or Entry(self._name, {}, {}, now_ms(), replaced=self._forgotten())
        self._view = View(self._folder, self._key, entry, rows)

        def begun(entry: Entry) -> None:
            if self._anew or entry.sent > len(rows):  # MLflow forgets no epoch, so it needs another run
                forget_run(entry)
                entry.tags = {}
            entry.metrics = {}  # of an end that is none any more: they would be shown beside an epoch before
            entry.tags, entry.params = {**entry.tags, **tags}, texts | entry.params
            entry.files, entry.status, entry.ended_ms = _names(entry.files, files), "RUNNING", None

        self._view.change(begun)
        self._uploader.show(self._view, self._experiment)

    def go_on(self, rows: Sequence[Row]) -> bool:
        """Go on showing a run that has finished; False if it was not to be shown here."""
        entry = self._entry()
        if entry is None or entry.status != "FINISHED":
            return False
        self._view = View(self._folder, self._key, entry, rows)
        self._uploader.show(self._view, self._experiment)
        return True

    def tag(self, tags: Mapping[str, str]) -> None:
        """Show what was learned of the run after its start."""

        def tagged(entry: Entry) -> None:
            entry.tags = {**entry.tags, **tags}

        self._change(tagged)

    def row(self, row: Row) -> None:
        """Show one more epoch."""
        if self._view is not None:
            self._view.add_row(row)
            self._uploader.wake()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, which are all that the history has; most of them will be shown already."""
        if self._view is not None:
            self._view.show_rows(rows)
            self._uploader.wake()

    def replace_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows in the place of those that were there."""
        if self._view is not None:
            self._view.begin_anew(rows)
            self._uploader.wake()

    def end(self, status: Status, tags: Mapping[str, str], metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        """Show the run's end, its final metrics and its files; nothing where it never began."""

        def ended(entry: Entry) -> None:
            entry.tags, entry.metrics = {**entry.tags, **tags}, dict(metrics)
            entry.files, entry.status = _names(entry.files, files), status
            entry.ended_ms = max(now_ms(), entry.begun_ms)  # the clock may have been set back

        if self._view is not None:
            self._view.change(ended)
            self._uploader.show(self._view, self._experiment)  # its beginning may have been cut off before that

    def attach(self, tags: Mapping[str, str], files: Sequence[Path]) -> None:
        """Add to a run that has ended, also to one that the store shows all of."""
        if self._view is None:
            self.go_on(History(self._folder / "history.jsonl").rows())

        def attached(entry: Entry) -> None:
            entry.tags, entry.files = {**entry.tags, **tags}, _names(entry.files, files)

        self._change(attached)

    def close(self) -> None:
        """Wait a while for the store to show all of it, and leave the rest to the next command."""
        if self._view is not None:
            self._uploader.release(self._view, time.monotonic() - self._begun)

    def _change(self, change: Callable[[Entry], None]) -> None:
        if self._view is not None:
            self._view.change(change)
            self._uploader.wake()

    def _forgotten(self) -> list[str]:
        """The MLflow runs that were begun for this folder, and that no entry of its book knows: it was damaged."""
        known = {entry.run_id for entry in entries(self._folder / BOOK).values()}
        return [run_id for run_id in noted_runs(self._folder) if run_id not in known]

    def _entry(self) -> Entry | None:
        return entries(self._folder / BOOK).get(self._key)


def _names(known: Sequence[str], files: Sequence[Path]) -> list[str]:
    return list(dict.fromkeys([*known, *(file.name for file in files)]))
