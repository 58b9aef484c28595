"""Settling what earlier commands left: a run whose process is gone is closed, and what a store misses is uploaded.

Whose process is gone is known from the folder alone: its lock, which a process has for as long as it is at the run, is
free. A folder that somebody is at is left to them; so are runs of other machines and other folders.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.recorders.book import BOOK, Entry, entries, is_complete, place_of
from experiments.recorders.history import History, Row
from experiments.recorders.mlflow_client import StoreRefusesError, TrackerError
from experiments.recorders.pending import all_folders, is_pending, no_longer_pending, pending_folders
from experiments.recorders.tracker import tracker
from experiments.recorders.uri import absolute_uri, public
from experiments.recorders.view import ParentMissingError, View, now_ms
from experiments.untrusted import RefusedError

_log = logging.getLogger(__name__)

_LEFT = ("environment.json", "history.jsonl", "train.log")  # what a run that ends before its time has to show


@dataclass(frozen=True)
class Settled:
    """What was done with a folder.

    Attributes:
        folder: of a run or a sweep.
        views: MLflow runs that were brought up to date.
        epochs: how many epochs of them the store had not confirmed.
        closed: how many of them were RUNNING without a process.
    """

    folder: Path
    views: int
    epochs: int
    closed: int


def settle(folder: Path, uri: str) -> Settled | None:
    """Make a store show all of a folder; None if there is nothing to do, or somebody is at it.

    Raises:
        TrackerError: the store cannot be reached or refuses; what was done stays done.
    """
    try:
        if not _incomplete(folder, uri):
            _take_back_mark(folder)
            return None
        with FileLock(folder / "lock", blocking=False):
            views = epochs = closed = 0
            for key, entry in _incomplete(folder, uri):
                rows = History(folder / "history.jsonl").rows()
                views, epochs = views + 1, epochs + len(rows) - entry.epochs
                closed += entry.status == "RUNNING"
                view = View(folder, key, entry, rows)
                if entry.status == "RUNNING":
                    view.change(partial(_interrupted, rows=rows))
                _, experiment, _ = place_of(key) or ("", "", "")
                view.upload(tracker(absolute_uri(uri), experiment, folder.parent.parent))
            return Settled(folder, views, epochs, closed)
    except (Timeout, PermissionError):  # somebody is at it, or it is somebody else's
        return None
    except OSError as error:
        raise StoreRefusesError(f"{folder}: {error.strerror}") from error
    except RefusedError as error:  # of the history
        raise StoreRefusesError(str(error)) from error


def settle_all(folders: Iterable[Path], uri: str) -> Iterator[Settled]:
    """Settle folder by folder, and yield what was done.

    Raises:
        StoreRefusesError, ParentMissingError: at the end, the first of them; all else is done.
        TrackerError: at once: the store cannot be reached.
    """
    refused: TrackerError | None = None
    for folder in folders:
        try:
            settled = settle(folder, uri)
        except (StoreRefusesError, ParentMissingError) as error:
            refused = refused or error
        else:
            if settled is not None:
                yield settled
    if refused is not None:
        raise refused


def stores_missing(outputs_dir: Path) -> Counter[str]:
    """How many views each store has not shown all of, by its address without secrets."""
    noted = (entries(folder / BOOK) for folder in all_folders(outputs_dir))
    return Counter(
        place[0] for book in noted for key, entry in book.items() if not entry.complete and (place := place_of(key))
    )


def is_unsettled(uri: str, outputs_dir: Path) -> bool:
    """Whether a store does not show all of what is pending."""
    return any(_incomplete(folder, uri) for folder in pending_folders(outputs_dir))


def settle_pending(uri: str, outputs_dir: Path) -> None:
    """Settle what is pending before a command shows what a store has. A store that fails is left for the next one."""
    try:
        report_closed(settle_all(pending_folders(outputs_dir), uri))
    except TrackerError as error:
        _log.warning("%s", error)


def report_closed(settled: Iterable[Settled], between: Callable[[], None] = lambda: None) -> None:
    """Settle, and say how many runs were closed; between two folders something else may be done."""
    closed = 0
    try:
        for one in settled:
            closed += one.closed
            between()
    finally:
        if closed:
            are = "1 run was" if closed == 1 else f"{closed} runs were"
            _log.warning("%s RUNNING in MLflow without a process; now KILLED, and the same command goes on", are)


def _incomplete(folder: Path, uri: str) -> list[tuple[str, Entry]]:
    """The entries of a book of which this store does not show all."""
    here = public(absolute_uri(uri))
    noted = entries(folder / BOOK).items()
    return [(key, entry) for key, entry in noted if not entry.complete and (place_of(key) or ("",))[0] == here]


def _take_back_mark(folder: Path) -> None:
    """Of a folder whose process was killed when all was shown; whoever is at a folder is about to need its mark."""
    if is_pending(folder) and is_complete(folder / BOOK):
        with suppress(Timeout, OSError), FileLock(folder / "lock", blocking=False):
            if is_complete(folder / BOOK):
                no_longer_pending(folder)


def _interrupted(entry: Entry, *, rows: Sequence[Row]) -> None:
    """Show it as ended, with what it has left; it went on for as long as its last epoch tells, not until now."""
    entry.status, entry.tags = "KILLED", {**entry.tags, "outcome": "interrupted"}
    entry.ended_ms = max(rows[-1].timestamp_ms if rows else now_ms(), entry.begun_ms)
    entry.files = list(dict.fromkeys([*entry.files, *_LEFT]))
