"""Publishing the outbox: one pass over the folders in it, as often as one likes.

Stopped at any moment it costs nothing: the next pass, in whichever process, goes on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from experiments.errors import UserError
from experiments.pictures.draw import draw
from experiments.tracking.client import ArtifactError, StoreRefusesError, TrackerError
from experiments.tracking.outbox import is_held, take_out, unpublished
from experiments.tracking.reconcile import BusyError, Reconciler
from experiments.tracking.store import Store
from experiments.tracking.targets import targets
from experiments.tracking.uri import is_server

_log = logging.getLogger(__name__)

_LINES = 3  # of what was refused: the others have the same reason
_CONNECTIONS = 3  # to a server at a time; others ask it too
_WATCHED = ("targets.json", "status.json", "history.jsonl", "finished.json", "rerun.json", "train.log", "sweep.json",
            "published.json")  # fmt: skip


@dataclass
class Pass:
    """What came of one look at the outbox.

    Args:
        shown: folders whose state the store shows now.
        busy: those that another process is publishing.
        refused: why the others are not shown, or not with all their files.
        unreachable: why the store could not be asked at all.
        closed: folders that were RUNNING though their process was gone.
    """

    shown: set[Path] = field(default_factory=set)
    busy: set[Path] = field(default_factory=set)
    refused: dict[Path, TrackerError] = field(default_factory=dict)
    unreachable: TrackerError | None = None
    closed: set[Path] = field(default_factory=set)

    @property
    def refused_files(self) -> list[TrackerError]:
        """Why files are not stored; the first reason is most likely that of all."""
        return [error for error in self.refused.values() if isinstance(error, ArtifactError)]

    def lines(self, *, files: bool = True) -> list[str]:
        """What a person should know of it, of refused files too if wanted."""
        others = [error for error in self.refused.values() if not isinstance(error, ArtifactError)]
        errors = [self.unreachable, *others, *(self.refused_files[:1] if files else [])]
        said = list(dict.fromkeys(str(error) for error in errors if error is not None))
        if len(said) > _LINES:
            said[_LINES:] = [f"and {len(said) - _LINES} more like these"]
        if self.closed:
            are = "1 run was" if len(self.closed) == 1 else f"{len(self.closed)} runs were"
            said.append(f"{are} RUNNING in MLflow without a process; now KILLED, and the same command goes on")
        return said


class Publisher:
    """Publishes what is in an outbox in one store.

    Args:
        uri: of the store.
        outputs_dir: whose outbox.
        on_progress: called whenever something was shown, drawn or uploaded.
        asks_all: whether the store is asked for what it has confirmed before, too.
    """

    def __init__(
        self, uri: str, outputs_dir: Path, on_progress: Callable[[], None] = lambda: None, *, asks_all: bool = False
    ) -> None:
        self._uri, self._outputs_dir, self._on_progress = uri, outputs_dir, on_progress
        self._store = Store(uri)
        self.reconciler = Reconciler(self._store, outputs_dir, asks_all=asks_all)
        self._looked_at: dict[Path, object] = {}  # what a folder was like when nothing was left to be done

    def publish(self, folders: Iterable[Path] | None = None, *, again: bool = False) -> Pass:
        """Publish folders, those of the outbox if not given: the state of all first, then pictures, then files.

        Args:
            folders: which.
            again: also those that were refused before and have not changed, or that another process is publishing.
        """
        if again:
            self._looked_at.clear()
        found = unpublished(self._outputs_dir) if folders is None else folders
        looks = {folder: _look(folder) for folder in found if self._is_mine(folder)}
        changed = [folder for folder, look in looks.items() if self._looked_at.get(folder) != look]
        done = Pass()
        with self._noted(done, self._outputs_dir):
            self.reconciler.look_for(changed)
        for kind in (_is_run, _is_sweep):  # sweeps last: they link to their runs
            self._for_each(partial(self._publish_state, done, again), filter(kind, changed))
        ended = [folder for folder in changed if folder not in done.busy and not is_held(folder)]
        for folder in ended:
            self._draw(done, folder)
        self._for_each(partial(self._publish_files, done), [folder for folder in ended if folder in done.shown])
        for folder in done.shown & set(ended) - done.refused.keys():  # a picture may be what is missing
            take_out(folder, partial(self.reconciler.is_published, folder))
        if done.unreachable is not None:
            self.reconciler.forget()
            return done
        for folder in changed:
            if folder not in done.busy:
                self._looked_at[folder] = _look(folder) if folder in ended else looks[folder]
        return done

    def close(self) -> None:
        """Let go of the store."""
        self.reconciler.close()

    def left(self) -> int:
        """How many folders that no process is at are not completely shown."""
        return sum(self._is_mine(folder) and not is_held(folder) for folder in unpublished(self._outputs_dir))

    def held(self) -> int:
        """How many folders of the outbox a process is at."""
        return sum(self._is_mine(folder) and is_held(folder) for folder in unpublished(self._outputs_dir))

    def _is_mine(self, folder: Path) -> bool:
        return any(target.is_at(self._uri) for target in targets(folder))

    def _publish_state(self, done: Pass, again: bool, folder: Path) -> None:
        if done.unreachable is None:
            with self._noted(done, folder):
                views = self.reconciler.publish(folder, wait=again and not is_held(folder))
                done.closed |= {folder for view in views if view.closed_by_us}
                done.shown.add(folder)

    def _draw(self, done: Pass, folder: Path) -> None:
        with self._noted(done, folder):
            draw(folder)

    def _publish_files(self, done: Pass, folder: Path) -> None:
        if done.unreachable is None:
            with self._noted(done, folder):
                self.reconciler.publish_files(folder)

    @contextmanager
    def _noted(self, done: Pass, folder: Path) -> Iterator[None]:
        """Note what goes wrong with a folder; only a store that cannot be reached keeps the others waiting."""
        try:
            yield
        except BusyError:
            done.busy.add(folder)
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
        if is_server(self._uri):
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                list(pool.map(function, folders))
        else:
            for folder in folders:
                function(folder)


def _is_sweep(folder: Path) -> bool:
    return folder.parent.name == "sweeps"


def _is_run(folder: Path) -> bool:
    return not _is_sweep(folder)


def publish_outbox(uri: str, outputs_dir: Path) -> None:
    """Publish what earlier commands left, before a command shows what a store has; a failure is a line."""
    if any(True for _ in unpublished(outputs_dir)):
        report(Publisher(uri, outputs_dir).publish())


def report(done: Pass) -> None:
    """Say what a person should know of a pass."""
    for line in done.lines():
        _log.warning("%s", line)


def _look(folder: Path) -> tuple[object, ...]:
    """What tells cheaply whether a folder has changed."""
    found = [(folder / name) for name in _WATCHED]
    stats = [(path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None for path in found]
    return (*stats, is_held(folder))
