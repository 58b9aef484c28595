"""Publishing the outbox: one pass over the folders in it, as often as one likes.

Stopped at any moment it costs nothing: the next pass, in whichever process, goes on.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from experiments.errors import UserError
from experiments.pictures.draw import draw
from experiments.tracking.client import ArtifactError, StoreRefusesError, TrackerError
from experiments.tracking.outbox import is_held, take_out, unpublished
from experiments.tracking.reconcile import Reconciler
from experiments.tracking.run_view import RunView
from experiments.tracking.store import Store
from experiments.tracking.targets import targets
from experiments.tracking.uri import is_server

_log = logging.getLogger(__name__)

_CONNECTIONS = 8  # to a server at a time; a request may take long
_WATCHED = ("targets.json", "status.json", "history.jsonl", "finished.json", "rerun.json", "train.log", "sweep.json",
            "published.json")  # fmt: skip


@dataclass
class Pass:
    """What came of one look at the outbox.

    Args:
        shown: folders whose state the store shows now, with what it shows.
        refused: why the others are not shown, or not with all their files.
        unreachable: why the store could not be asked at all.
        closed: folders that were RUNNING though their process was gone.
    """

    shown: dict[Path, list[RunView]] = field(default_factory=dict)
    refused: dict[Path, TrackerError] = field(default_factory=dict)
    unreachable: TrackerError | None = None
    closed: set[Path] = field(default_factory=set)

    def lines(self) -> list[str]:
        """What a person should know of it."""
        errors = [self.unreachable, *self.refused.values()]
        said = list(dict.fromkeys(str(error) for error in errors if error is not None))
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
    """

    def __init__(self, uri: str, outputs_dir: Path, on_progress: Callable[[], None] = lambda: None) -> None:
        self._uri, self._outputs_dir, self._on_progress = uri, outputs_dir, on_progress
        self.reconciler = Reconciler(Store(uri), outputs_dir)
        self._looked_at: dict[Path, object] = {}  # what a folder was like when nothing was left to be done

    def publish(self, folders: Iterable[Path] | None = None, *, again: bool = False) -> Pass:
        """Publish folders, those of the outbox if not given: the state of all first, then pictures, then files.

        Args:
            folders: which.
            again: also those that were refused before and have not changed.
        """
        if again:
            self._looked_at.clear()
        found = [folder for folder in (unpublished(self._outputs_dir) if folders is None else folders)]
        changed = {folder: _look(folder) for folder in found if self._is_mine(folder)}
        changed = {folder: look for folder, look in changed.items() if self._looked_at.get(folder) != look}
        done = Pass()
        runs = [folder for folder in changed if folder.parent.name != "sweeps"]
        sweeps = [folder for folder in changed if folder.parent.name == "sweeps"]  # last: they link to their runs
        self._publish_states(runs, done)
        self._publish_states(sweeps, done)
        ended = [folder for folder in changed if not is_held(folder)]
        for folder in ended:
            try:
                draw(folder)
            except (OSError, UserError) as error:
                done.refused.setdefault(folder, StoreRefusesError(str(error)))
            self._on_progress()
        if done.unreachable is None:
            self._publish_files([folder for folder in ended if folder in done.shown], done)
        for folder in done.shown.keys() & set(ended):
            take_out(folder, partial(self.reconciler.is_published, folder))
        if done.unreachable is None:
            self._looked_at |= {folder: _look(folder) for folder in changed if folder in ended} | {
                folder: look for folder, look in changed.items() if folder not in ended
            }
        else:
            self.reconciler.forget()
        return done

    def left(self) -> int:
        """How many folders that no process is at are not completely shown."""
        return sum(self._is_mine(folder) and not is_held(folder) for folder in unpublished(self._outputs_dir))

    def held(self) -> int:
        """How many folders of the outbox a process is at."""
        return sum(self._is_mine(folder) and is_held(folder) for folder in unpublished(self._outputs_dir))

    def _is_mine(self, folder: Path) -> bool:
        return any(target.is_at(self._uri) for target in targets(folder))

    def _publish_states(self, folders: Sequence[Path], done: Pass) -> None:
        def one(folder: Path) -> None:
            if done.unreachable is not None:
                return
            try:
                done.shown[folder] = self.reconciler.publish(folder)
                done.closed |= {folder for view in done.shown[folder] if view.closed_by_us}
            except StoreRefusesError as error:
                done.refused[folder] = error
            except TrackerError as error:
                done.unreachable = error
            self._on_progress()

        self._for_each(one, folders)

    def _publish_files(self, folders: Sequence[Path], done: Pass) -> None:
        def one(folder: Path) -> None:
            try:
                self.reconciler.publish_files(folder)
            except ArtifactError as error:
                done.refused[folder] = error
            except TrackerError as error:
                done.unreachable = error
            except (OSError, UserError) as error:  # it has changed since
                done.refused[folder] = StoreRefusesError(str(error))
            self._on_progress()

        self._for_each(one, folders)

    def _for_each(self, function: Callable[[Path], None], folders: Sequence[Path]) -> None:
        """A server is asked for several at a time; a database takes one writer."""
        if not is_server(self._uri) or len(folders) < 2:
            for folder in folders:
                function(folder)
            return
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(function, folders))


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
