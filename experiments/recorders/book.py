"""The book of a run or a sweep, `tracked.json` in its folder: what tracking stores are to show of it, and what they do.

It has an entry for each store, experiment and sweep. Only the process that holds the folder's lock writes it. A damaged
entry counts as none.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeGuard

from experiments.digest import json_digest
from experiments.files import read_json, write_json

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
_STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")

BOOK = "tracked.json"  # its name in every folder
_RUN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LARGEST = 2**53  # what every store can hold
_SEAL = "sha256"  # of all else in an entry


@dataclass
class Entry:
    """What one MLflow run is to show, and what it shows.

    Attributes:
        name: in MLflow's list.
        tags: all of them.
        params: all of them, as texts.
        metrics: what is known at the end, beside the history's rows; of the last epoch.
        files: names in the folder, those that exist are shown. A book may come from a stranger: they are no paths.
        status: of the run.
        begun_ms: when it was, in ms since 1970; `ended_ms` likewise, None before the end.
        revision: counts the changes of all the above; `shown` is the one that the store shows.
        run_id: of the MLflow run, once it is known, in `experiment_id`.
        asked: whether a store was asked for the MLflow run; without a `run_id` the answer was lost.
        asked_twice: whether that happened, so that there may be two.
        epochs: how many of the history's rows the store shows at the least, `sent` how many at the most.
        uploaded: when the files were last changed that the store has, in ns.
        replaced: MLflow runs that showed this run and shall no longer be RUNNING.
    """

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    begun_ms: int
    metrics: dict[str, float] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    status: Status = "RUNNING"
    ended_ms: int | None = None
    revision: int = 1
    shown: int = 0
    run_id: str | None = None
    experiment_id: str | None = None
    asked: bool = False
    asked_twice: bool = False
    epochs: int = 0
    sent: int = 0
    uploaded: dict[str, int] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the store shows all of the run, its end included."""
        return self.shown == self.revision and self.status != "RUNNING"


def book_key(uri: str, experiment: str, sweep_id: str) -> str:
    """Under which key a book has what shows a run in this store, as one of this sweep's; "" where it is of none.

    >>> book_key("sqlite:///a.db", "cnn", "")
    'sqlite:///a.db|cnn|'
    """
    return "|".join([uri, experiment, sweep_id])


def place_of(key: str) -> tuple[str, str, str] | None:
    """Store, experiment and sweep of a key; None if it is damaged.

    >>> place_of("sqlite:///a.db|cnn|")
    ('sqlite:///a.db', 'cnn', '')
    """
    parts = key.rsplit("|", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None


def entries(book: Path) -> dict[str, Entry]:
    """What is noted, by key, in the order in which it first was."""
    read = {key: _entry(content) for key, content in (read_json(book) or {}).items()}
    return {key: entry for key, entry in read.items() if entry is not None and place_of(key) is not None}


def is_complete(book: Path) -> bool:
    """Whether every store shows all that it is to show; of a damaged book nobody knows."""
    noted = read_json(book)
    is_whole = not book.exists() if noted is None else not any(_is_damaged(content) for content in noted.values())
    return is_whole and all(entry.complete for entry in entries(book).values())


def write_entry(book: Path, key: str, entry: Entry) -> None:
    """Note what has changed; other entries stay, but for damaged ones."""
    content = asdict(entry)
    others = {other: noted for other, noted in (read_json(book) or {}).items() if not _is_damaged(noted)}
    write_json(book, others | {key: {**content, _SEAL: json_digest(content)}})


def run_ids(book: Path) -> list[str]:
    """The ids of all MLflow runs that are noted."""
    noted = (read_json(book) or {}).values()
    ids = [entry.get("run_id") for entry in noted if isinstance(entry, dict)]
    return [run_id for run_id in ids if is_run_id(run_id)]


def is_run_id(value: object) -> TypeGuard[str]:
    """Whether it is what a store may call a run: ids are printed, and put into questions and addresses.

    >>> is_run_id("0af7651916cd43dd8448eb211c80319c"), is_run_id("ab\x1b[31m"), is_run_id("../ab")
    (True, False, False)
    """
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def _is_damaged(content: object) -> bool:
    """Whether this was an entry once; those of the first books had no revision and are left as they are."""
    is_older = isinstance(content, dict) and not content.keys() & {"revision", _SEAL}
    return not is_older and _entry(content) is None


def _entry(content: object) -> Entry | None:
    """An entry, if it is whole: what was written, and every value of its type. An older one has no digest."""
    if not isinstance(content, dict):
        return None
    known = {name: value for name, value in content.items() if name != _SEAL}
    if content.get(_SEAL, json_digest(known)) != json_digest(known):
        return None
    try:
        entry = Entry(**known)
    except TypeError:
        return None
    return entry if _is_whole(entry) else None


def _is_whole(entry: Entry) -> bool:
    texts: tuple[Mapping[Any, Any], ...] = (entry.tags, entry.params)
    numbers: tuple[Mapping[Any, Any], ...] = (entry.metrics, entry.uploaded)
    mappings = all(isinstance(mapping, dict) for mapping in (*texts, *numbers))
    lists = all(isinstance(value, list) for value in (entry.files, entry.replaced))
    counts = (entry.begun_ms, entry.revision, entry.shown, entry.epochs, entry.sent)
    return (
        mappings
        and lists
        and isinstance(entry.name, str)
        and entry.status in _STATUSES
        and all(isinstance(text, str) for mapping in texts for text in mapping.values())
        and all(isinstance(number, int | float) for mapping in numbers for number in mapping.values())
        and all(map(is_run_id, entry.replaced))
        and all(map(_is_file_name, entry.files))
        and all(map(_is_count, counts))
        and (entry.ended_ms is None or _is_count(entry.ended_ms))
        and (entry.run_id is None or is_run_id(entry.run_id))
        and isinstance(entry.experiment_id, str | None)
    )


def _is_file_name(name: object) -> bool:
    """Whether it names something in a folder, and nothing anywhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\\", "\0"} & set(name)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST
