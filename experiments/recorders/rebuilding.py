"""Making a store's view again where it was lost with the store, or in a store that never had one.

A run that somebody deleted in MLflow is still known there, as deleted, and stays so.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.recorders.book import BOOK, Entry, book_key, entries, place_of, write_entry
from experiments.recorders.pending import pending
from experiments.recorders.store import Store
from experiments.recorders.uri import absolute_uri, public


def forget_lost(folder: Path, store: Store, known: Collection[str]) -> None:
    """Have everything shown anew whose MLflow run the store has never heard of.

    Args:
        folder: of a run or a sweep.
        store: where.
        known: the ids of all its runs some time ago, deleted ones included; of others it is asked again.

    Raises:
        TrackerError: the store cannot be reached.
    """

    def suspected(noted: dict[str, Entry]) -> dict[str, str]:
        here = {key: entry.run_id for key, entry in noted.items() if _store(key) == store.key}
        return {key: run_id for key, run_id in here.items() if run_id is not None and run_id not in known}

    def lost(noted: dict[str, Entry]) -> dict[str, Entry]:
        return {key: _unshown(noted[key]) for key, run_id in suspected(noted).items() if not store.knows(run_id)}

    if suspected(entries(folder / BOOK)):
        _rewrite(folder, lost)


def show_here_too(folder: Path, uri: str) -> None:
    """Have a store show what others show of a folder."""
    here = public(absolute_uri(uri))

    def copies(noted: dict[str, Entry]) -> dict[str, Entry]:
        places = {place: entry for key, entry in noted.items() if (place := place_of(key)) is not None}
        wanted = {
            book_key(here, experiment, sweep_id): _unshown(entry) for (_, experiment, sweep_id), entry in places.items()
        }
        return {key: entry for key, entry in wanted.items() if key not in noted}

    if copies(entries(folder / BOOK)):
        _rewrite(folder, copies)


def _rewrite(folder: Path, changed: Callable[[dict[str, Entry]], dict[str, Entry]]) -> None:
    """Write the entries that change, unless somebody is at the folder: only with its lock is it known what they are."""
    try:
        with FileLock(folder / "lock", blocking=False):
            for key, entry in changed(entries(folder / BOOK)).items():
                pending(folder)
                write_entry(folder / BOOK, key, entry)
    except (Timeout, OSError):  # it is not ours
        pass


def _unshown(entry: Entry) -> Entry:
    """The same, but nothing of it is shown yet."""
    return replace(entry, shown=0, run_id=None, experiment_id=None, asked=False, asked_twice=False, epochs=0, sent=0,
                   uploaded={}, replaced=[])  # fmt: skip


def _store(key: str) -> str | None:
    place = place_of(key)
    return place[0] if place else None
