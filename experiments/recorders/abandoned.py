"""Runs that a store shows as RUNNING though nobody is at them any more: their process was killed, or could not tell the
store that it ended.

Whether a run is ours to close is known from its folder alone: the folder's book says that this very MLflow run was
begun from here, and its lock, which a process has for as long as it is at the run, is free. Runs of other machines and
other folders are left alone. What is closed is gone on with by the same command, as if it had been interrupted.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.errors import UserError
from experiments.files import write_json
from experiments.recorders.book import Entry, entries, open_times
from experiments.recorders.store import Store, StoredRun

_log = logging.getLogger(__name__)

_FOLDERS = {"identity": "runs", "sweep.id": "sweeps"}  # by the tag that names a folder there
_NAME = re.compile(r"[0-9a-f]{12}")  # a tag comes from a server and must lead nowhere else
_BOOK, _LOCK = "tracked.json", "lock"


def close_abandoned(store: Store, outputs_dir: Path) -> None:
    """Mark as interrupted what the store shows as RUNNING, was begun from this folder, and nobody is at."""
    _settle(store, outputs_dir, [])


def close_abandoned_if_any(store: Store, outputs_dir: Path) -> None:
    """The same for a command that needs no store: it is asked only where a book says that a run may be open."""
    books = [book for place in _FOLDERS.values() for book in sorted((outputs_dir / place).glob(f"*/{_BOOK}"))]
    folders = [book.parent for book in books if _open(entries(book), store.key)]
    if folders:
        _settle(store, outputs_dir, folders)


def _settle(store: Store, outputs_dir: Path, folders: Sequence[Path]) -> None:
    """Close what is to be closed in these folders and in those of the runs that are RUNNING."""
    asked_ms = round(time.time() * 1000)
    running: dict[Path, list[StoredRun]] = {folder: [] for folder in folders}
    closed = 0
    try:
        for run in store.running():
            for folder in _folders(run.tags, outputs_dir):
                running.setdefault(folder, []).append(run)
        for folder, runs in running.items():
            closed += _close(store, folder, runs, asked_ms)
    except UserError as error:  # whoever comes next can do it
        _log.warning("%s", error)
    if closed:
        are = "1 run was" if closed == 1 else f"{closed} runs were"
        _log.warning("%s RUNNING in MLflow without a process; now KILLED, and the same command goes on", are)


def _folders(tags: Mapping[str, str], outputs_dir: Path) -> Iterator[Path]:
    """Where a run may have been begun. A sweep's own run has no identity; its children have the sweep's id as well."""
    for tag, place in _FOLDERS.items():
        name = tags.get(tag, "")
        if _NAME.fullmatch(name) and (outputs_dir / place / name / _BOOK).exists():
            yield outputs_dir / place / name


def _close(store: Store, folder: Path, runs: Sequence[StoredRun], asked_ms: int) -> int:
    """Close those of the runs that were begun from this folder, if nobody is at it; return how many there were."""
    try:
        with FileLock(folder / _LOCK, blocking=False):
            book = folder / _BOOK
            noted = entries(book)
            ours = [run for run in runs if any(_begun(run, entry) for entry in noted.values())]
            # Between the answer of the store and the lock, a process may have ended its run in order.
            left = [run for run in ours if store.is_running(run.run_id)]
            for run in left:
                store.interrupt(run.run_id)
            if _open(noted, store.key):
                write_json(book, noted | _closed(noted, store.key, asked_ms))
            return len(left)
    except (Timeout, OSError):  # somebody is at it, or it is somebody else's
        return 0


def _begun(run: StoredRun, entry: Entry) -> bool:
    """Whether the run is the entry's, or one that was begun and whose id never came back."""
    return run.run_id == entry.get("run_id") or run.begun_ms in open_times(entry)


def _open(noted: Mapping[str, Entry], store: str) -> bool:
    """Whether the store may show a run as RUNNING."""
    return any(open_times(entry) for key, entry in noted.items() if key.startswith(f"{store}|"))


def _closed(noted: Mapping[str, Entry], store: str, asked_ms: int) -> dict[str, Entry]:
    """The entries of the store, without what was open when it was asked."""
    return {
        key: {**entry, "open": [begun_ms for begun_ms in open_times(entry) if begun_ms > asked_ms]}
        for key, entry in noted.items()
        if key.startswith(f"{store}|")
    }
