"""The book of a run or a sweep, `tracked.json` in its folder: which MLflow runs show it, in which stores.

It has an entry for each store, experiment and sweep. `TrackedRun` writes it; a damaged one counts as empty.
"""

from pathlib import Path
from typing import Any

from experiments.files import read_json

Entry = dict[str, Any]


def book_key(uri: str, experiment: str, sweep_id: str) -> str:
    """Under which key a book has what shows a run in this store, as one of this sweep's; "" where it is of none."""
    return "|".join([uri, experiment, sweep_id])


def entries(book: Path) -> dict[str, Entry]:
    """What is noted, by key, in the order in which it first was."""
    return {key: entry for key, entry in (read_json(book) or {}).items() if isinstance(entry, dict)}


def run_ids(book: Path) -> list[str]:
    """The ids of all MLflow runs that are noted."""
    return [entry["run_id"] for entry in entries(book).values() if isinstance(entry.get("run_id"), str)]


def open_times(entry: Entry) -> list[int]:
    """When the MLflow runs were begun that the store may show as RUNNING, in ms since 1970."""
    times = entry.get("open")
    return [begun_ms for begun_ms in times if isinstance(begun_ms, int)] if isinstance(times, list) else []
