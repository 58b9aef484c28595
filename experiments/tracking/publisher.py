"""Publishing the outbox: one pass over the folders in it, as often as one likes.

Stopped at any moment it costs nothing: the next pass, in whichever process, goes on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from filelock import Timeout

from experiments.errors import UserError
from experiments.pictures.draw import draw
from experiments.store.client import ArtifactError, StoreRefusesError, TrackerError
from experiments.store.store import Store
from experiments.store.uri import is_server
from experiments.tracking.outbox import all_folders, exclusive, is_held, is_sweep, put, take_out, unpublished
from experiments.tracking.reconcile import BusyError, Reconciler
from experiments.tracking.targets import TARGETS, is_shown_at, published, targets, write_published

_log = logging.getLogger(__name__)

_LINES = 3  # of what was refused: the others have the same reason
_PATIENCE = 10.0  # seconds to wait for another publisher of a folder
_CONNECTIONS = 3  # to a server at a time; others ask it too
_WATCHED = (TARGETS, "status.json", "config.yaml", "history.jsonl", "finished.json", "rerun.json", "train.log",
            "sweep.json")  # fmt: skip


@dataclass
class Pass:
    """What came of one look at the outbox.

    Args:
        shown: folders whose state the store shows now.
        refused: why the others are not shown, or not with all their files.
        unreachable: why the store could not be asked at all.
        closed: runs that ended without saying so: their process is gone.
    """

    shown: set[Path] = field(default_factory=set)
    refused: dict[Path, TrackerError] = field(default_factory=dict)
    unreachable: TrackerError | None = None
    closed: set[Path] = field(default_factory=set)

    @property
    def failed(self) -> dict[Path, TrackerError]:
        """What was refused, but for folders that another publisher takes care of."""
        return {folder: error for folder, error in self.refused.items() if not isinstance(error, BusyError)}

    def lines(self) -> list[str]:
        """What a person should know of it; of refused files the first reason, most likely that of all."""
        files = [error for error in self.failed.values() if isinstance(error, ArtifactError)]
        others = [error for error in self.failed.values() if not isinstance(error, ArtifactError)]
        said = [str(error) for error in (self.unreachable, *others, *files[:1]) if error is not None]
        said = list(dict.fromkeys(said))
        if len(said) > _LINES:
            said[_LINES:] = [f"and {len(said) - _LINES} more like these"]
        if self.closed:
            runs = "1 run" if len(self.closed) == 1 else f"{len(self.closed)} runs"
            said.append(f"{runs} ended without closing, now KILLED in MLflow; the same command resumes")
        return said


class Publisher:
    """Publishes what is in an outbox in one store.

    Args:
        store: which.
        outputs_dir: whose outbox.
        on_progress: called whenever something was shown, drawn or uploaded.
        asks_all: whether the store is asked for what it has confirmed before, too.
    """

    def __init__(
        self, store: Store, outputs_dir: Path, on_progress: Callable[[], None] = lambda: None, *, asks_all: bool = False
    ) -> None:
        self._store, self._outputs_dir, self._on_progress = store, outputs_dir, on_progress
        self.reconciler = Reconciler(store, outputs_dir, asks_all=asks_all)
        self._looked_at: dict[Path, object] = {}  # what a folder was like when nothing was left to be done

    def publish(self, folders: Iterable[Path] | None = None, *, again: bool = False) -> Pass:
        """Publish folders, those of the outbox if not given: the state of all first, then pictures, then files.

        Args:
            folders: which.
            again: also those that were refused before and have not changed, or that another process is publishing.
        """
        if self._store.is_missing() or self._store.is_replaced():
            self._begin_anew()
        if again:
            self._looked_at.clear()
        found = unpublished(self._outputs_dir) if folders is None else folders
        looks = {folder: _look(folder) for folder in found}
        done = Pass()
        changed = [folder for folder in looks if looks[folder] != self._looked_at.get(folder) and self._is_mine(folder)]
        for kind in (False, True):  # sweeps last: they link to their runs
            of_kind = [folder for folder in changed if is_sweep(folder) is kind]
            self._for_each(partial(self._publish_state, done, again), of_kind)
        ended = [folder for folder in changed if folder in done.shown and not is_held(folder)]
        for folder in ended:
            with self._noted(done, folder), self.reconciler.alone(folder, wait=True):
                draw(folder)
        self._for_each(partial(self._publish_files, done), ended)
        for folder in ended:
            if folder not in done.refused:  # a picture may be what is missing
                take_out(folder, partial(self.reconciler.is_published, folder))
        if done.unreachable is None:
            is_busy = done.refused.keys() - done.failed.keys()
            after = {folder: _look(folder) for folder in ended}  # pictures and notes of our own
            self._looked_at |= {folder: look for folder, look in (looks | after).items() if folder not in is_busy}
        return done

    def left(self) -> list[Path]:
        """The folders that no process is at and that are not completely shown."""
        return [folder for folder in unpublished(self._outputs_dir) if self._is_mine(folder) and not is_held(folder)]

    def is_awaited(self) -> bool:
        """Whether a process is at any of the folders."""
        return any(self._is_mine(folder) and is_held(folder) for folder in unpublished(self._outputs_dir))

    def _is_mine(self, folder: Path) -> bool:
        return is_shown_at(folder, self._store.uri)

    def _begin_anew(self) -> None:
        """Mark every folder, as the database is new or was lost; before there is one, so that a kill loses no mark."""
        self._store.close()
        self.reconciler.forget()
        self._looked_at.clear()
        for folder in all_folders(self._outputs_dir):
            with suppress(OSError, Timeout), exclusive(folder, _PATIENCE):  # else the folder is refused, and said to be
                for target in targets(folder):
                    if target.is_at(self._store.uri) and (shown := published(folder).get(target.key)):
                        write_published(folder, target.key, replace(shown, state="", files={}))
                put(folder)

    def _publish_state(self, done: Pass, wait: bool, folder: Path) -> None:
        if done.unreachable is None:
            with self._noted(done, folder):
                if self.reconciler.publish(folder, wait=wait and not is_held(folder)) and not is_sweep(folder):
                    done.closed.add(folder)
                done.shown.add(folder)

    def _publish_files(self, done: Pass, folder: Path) -> None:
        if done.unreachable is None:
            with self._noted(done, folder):
                self.reconciler.publish_files(folder)

    @contextmanager
    def _noted(self, done: Pass, folder: Path) -> Iterator[None]:
        """Note what goes wrong with a folder; only a store that cannot be reached keeps the others waiting."""
        try:
            yield
        except (StoreRefusesError, ArtifactError) as error:
            done.refused[folder] = error
        except TrackerError as error:
            done.unreachable = error
        except UserError as error:  # it names a file of the folder
            done.refused[folder] = StoreRefusesError(str(error))
        except (OSError, ValueError) as error:  # the disk fails, or a file of the folder is damaged
            done.refused[folder] = StoreRefusesError(f"{folder}: {error}")
        self._on_progress()

    def _for_each(self, function: Callable[[Path], None], folders: Iterable[Path]) -> None:
        """A server is asked for several at a time; a database takes one writer."""
        if is_server(self._store.uri):
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                list(pool.map(function, folders))
        else:
            for folder in folders:
                function(folder)


def publish_outbox(uri: str, outputs_dir: Path) -> None:
    """Publish what earlier commands left, before a command shows what a store has; a failure is a line."""
    if any(True for _ in unpublished(outputs_dir)):
        report(Publisher(Store(uri), outputs_dir).publish())


def report(done: Pass) -> None:
    """Say what a person should know of a pass."""
    for line in done.lines():
        _log.warning("%s", line)


def _look(folder: Path) -> tuple[object, ...]:
    """What tells cheaply whether a folder has changed."""
    looks: list[object] = [is_held(folder)]
    for name in _WATCHED:
        try:
            found = (folder / name).stat()
            looks.append((found.st_mtime_ns, found.st_size))
        except OSError:  # it is not there, or not to be read
            looks.append(None)
    return tuple(looks)
