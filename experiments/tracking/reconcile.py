"""Making a store show what a folder says: desired state against observed state, one idempotent step.

Cut off anywhere, the same call again converges: what was shown already is asked of the store, never remembered as true.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from experiments.errors import UserError
from experiments.runs.status import read_status
from experiments.tracking.artifacts import write_artifact
from experiments.tracking.client import ArtifactError, StoreRefusesError, TrackerError
from experiments.tracking.outbox import is_held
from experiments.tracking.run_view import RunView, files, run_view, sweep_target
from experiments.tracking.store import RUN_KEY, Store, StoredRun
from experiments.tracking.targets import Published, Target, published, targets, write_published, written_ms

_PARENT = "mlflow.parentRunId"
_CLOSED = "closed"  # the state of what another has replaced
_PATIENCE = 10.0  # seconds to wait for another process that is publishing the same folder


@dataclass
class _Observed:
    """What a store shows of a target, as this process last saw it."""

    run: StoredRun
    epochs: int  # rows that it is known to show
    digest: str = ""  # of the view that it shows all of, once it does


class BusyError(StoreRefusesError):
    """Another process is publishing the folder."""


class Reconciler:
    """Publishes folders in one store; what it has observed saves requests until something fails.

    Args:
        store: where.
        outputs_dir: whose folders.
        asks_all: ask the store for everything once, also for what it has confirmed before: it may have been lost.
    """

    def __init__(self, store: Store, outputs_dir: Path, *, asks_all: bool = False) -> None:
        self._store, self._outputs_dir = store, outputs_dir
        self._observed: dict[str, _Observed] = {}
        self._experiments: dict[str, str] = {}
        self.sent: dict[Path, int] = {}  # epochs, by folder that anything was sent of
        self._asks_all = asks_all
        self._looked_for: dict[str, list[StoredRun]] = {}  # what is known of keys before they are needed
        self._following: dict[Path, FileLock] = {}
        self._uncertain: set[str] = set()  # keys whose creation was not answered
        self._lock = Lock()

    def forget(self) -> None:
        """Take nothing for granted any more: a store that failed may come back as another."""
        self._observed.clear()
        self._looked_for.clear()
        self._experiments.clear()

    def close(self) -> None:
        """Let others follow the folders, and let go of the store."""
        while self._following:
            self._following.popitem()[1].release()
        self._store.close()

    def look_for(self, folders: Iterable[Path]) -> None:
        """Ask for the runs of many folders at once that are not known yet.

        Raises:
            TrackerError: the store cannot be reached or refuses.
        """
        wanted: dict[str, dict[str, int]] = {}
        for folder in folders:
            known, status = published(folder), read_status(folder)
            for target in targets(folder):
                is_new = target.key not in known and target.key not in self._observed
                if target.is_at(self._store.uri) and (self._asks_all or is_new):
                    shown_ms = 0
                    if status is not None and not self._asks_all:  # it may have been shown before it had a status
                        shown_ms = min(status.started_ms, written_ms(folder))
                    wanted.setdefault(target.experiment, {})[target.key] = shown_ms
        for experiment, since_ms in wanted.items():
            found = self._store.find(self._experiment(experiment), since_ms=min(since_ms.values()))
            self._looked_for |= {key: [run for run in found if run.tags.get(RUN_KEY) == key] for key in since_ms}

    def publish(self, folder: Path, *, wait: bool = True, asks: bool = False) -> list[RunView]:
        """Make the store show all of a folder but its files; return what is to be shown there now.

        Args:
            folder: of a run or a sweep.
            wait: for another process that is publishing it.
            asks: whether the store is asked although it has confirmed everything.

        Raises:
            BusyError: another process is publishing it.
            TrackerError: the store cannot be reached or refuses.
        """
        try:
            with self._at(folder, wait=wait):
                here = [target for target in targets(folder) if target.is_at(self._store.uri)]
                views = [self._publish(folder, target, asks=asks or self._asks_all) for target in here]
        except TrackerError:
            raise
        except UserError as error:
            raise StoreRefusesError(str(error)) from error
        except OSError as error:  # one of a file that is open does not say of which
            raise StoreRefusesError(f"{error.filename or folder}: {error.strerror or error}") from error
        return [view for target, view in zip(here, views, strict=True) if target.current]

    def publish_files(self, folder: Path) -> None:
        """Upload the files of what has ended.

        Raises:
            ArtifactError: some could not be stored; all others are.
        """
        failure: ArtifactError | None = None
        with self._at(folder, wait=True):
            here = [target for target in targets(folder) if target.is_at(self._store.uri) and target.current]
            for target, path in ((target, path) for target in here for path in files(folder)):
                try:
                    self._publish_file(folder, target, path)
                except ArtifactError as error:
                    failure = failure or ArtifactError(f"{folder.parent.name[:-1]} {folder.name}, {path.name}: {error}")
        if failure is not None:
            raise failure

    @contextmanager
    def _at(self, folder: Path, *, wait: bool) -> Iterator[None]:
        """Keep other publishers from a folder; as long as a run is at work there, this one goes on following it."""
        lock = self._following.pop(folder, None)
        if lock is None:
            lock = FileLock(folder / "publish.lock", thread_local=False)
            try:
                lock.acquire(timeout=_PATIENCE if wait else 0)
            except Timeout as error:
                raise BusyError(f"{folder}: another process is publishing it") from error
        try:
            yield
        finally:
            if is_held(folder):
                self._following[folder] = lock
            else:
                lock.release()

    def is_published(self, folder: Path) -> bool:
        """Whether every store is known to show all of a folder that no process is at, its files included."""
        try:
            return all(_is_shown(folder, target) for target in targets(folder) if target.current)
        except (OSError, UserError):  # it cannot be read any more
            return False

    def _publish(self, folder: Path, target: Target, *, asks: bool) -> RunView:
        view, known = run_view(folder, target, held=is_held(folder)), published(folder).get(target.key)
        if not target.current:
            self._close(folder, target, known)
            return view
        digest = view.digest()
        is_confirmed = known is not None and known.state == digest and view.status != "RUNNING"
        if is_confirmed and not asks:
            return replace(view, closed_by_us=False)
        was_observed = target.key in self._observed
        try:
            observed = self._find_or_create(folder, target, view)
            if not observed.run.deleted:
                self._make_equal(folder, target, observed, view)
        except BaseException as error:
            self._observed.pop(target.key, None)
            if was_observed and isinstance(error, StoreRefusesError):  # somebody may have deleted it since
                return self._publish(folder, target, asks=True)
            raise
        if view.status != "RUNNING":
            shown = published(folder).get(target.key) or _published(observed.run)
            write_published(folder, target.key, replace(shown, state=digest))
        return replace(view, closed_by_us=view.closed_by_us and not is_confirmed)

    def _close(self, folder: Path, target: Target, known: Published | None) -> None:
        """Leave no run RUNNING that another has replaced."""
        observed = self._observed.get(target.key)
        is_over = observed is not None and observed.run.status != "RUNNING"
        if is_over or (known is not None and known.state == _CLOSED):
            return
        run = self._only(folder, target)
        if run is None:
            return
        if run.status == "RUNNING" and not run.deleted:
            self._store.log(run.run_id, {}, {"outcome": "interrupted"}, [])
            self._store.set_status(run.run_id, "KILLED", None)
        self._observed[target.key] = _Observed(replace(run, status="KILLED"), 0)
        if known is not None:
            write_published(folder, target.key, replace(known, state=_CLOSED))

    def _find_or_create(self, folder: Path, target: Target, view: RunView) -> _Observed:
        if target.key in self._observed:
            return self._observed[target.key]
        run = self._only(folder, target)
        if run is None:
            tags = {**view.tags, **self._parent(target, view)}
            experiment_id = self._experiment(target.experiment)
            try:
                run = self._store.create(experiment_id, target.name, tags, view.started_ms)
            except TrackerError:
                self._uncertain.add(target.key)
                raise
            run = replace(run, tags=tags)
        observed = self._observed[target.key] = _Observed(run, 0)
        return observed

    def _only(self, folder: Path, target: Target, kept: str = "") -> StoredRun | None:
        """The run of this key, the one with the id `kept` if it is given; others, created late, are deleted."""
        find = self._store.find
        found = find(self._experiment(target.experiment), target.key) if kept else self._found(folder, target)
        there = sorted((run for run in found if not run.deleted), key=lambda run: run.run_id != kept)
        for other in there[1:]:
            self._store.delete(other.run_id)
        return next(iter([*there, *found]), None)

    def _found(self, folder: Path, target: Target) -> list[StoredRun]:
        found = self._looked_for.pop(target.key, None)
        if found is None or (not found and target.key in published(folder)):  # another publisher has been here
            return self._store.find(self._experiment(target.experiment), target.key)
        return found

    def _make_equal(self, folder: Path, target: Target, observed: _Observed, view: RunView) -> None:
        digest, run = view.digest(), observed.run
        if observed.digest == digest and observed.epochs == len(view.rows):
            return
        known = published(folder).get(target.key)
        if known is not None and (known.run_id, known.state, run.status) == (run.run_id, digest, view.status):
            observed.epochs, observed.digest = len(view.rows), digest  # confirmed, and not lost since
            return
        # Noted before anything is sent: what was confirmed holds no longer, and MLflow withdraws no row.
        if known is None or known.run_id != run.run_id or known.epochs < len(view.rows) or known.state:
            same = known if known is not None and known.run_id == run.run_id else _published(run)
            epochs = max(same.epochs, len(view.rows))
            write_published(folder, target.key, replace(same, epochs=epochs, state=""))
        tags = {key: text for key, text in view.tags.items() if run.tags.get(key) != text}
        params = {key: text for key, text in view.params.items() if key not in run.params}
        rows = view.metrics(observed.epochs)
        self.sent[folder] = len(view.rows) - observed.epochs
        self._store.log(run.run_id, params, tags, rows)
        if run.status != view.status or (view.ended_ms is not None and run.ended_ms != view.ended_ms):
            self._store.set_status(run.run_id, view.status, view.ended_ms)
        if target.key in self._uncertain and view.status != "RUNNING":
            self._only(folder, target, run.run_id)
            self._uncertain.discard(target.key)
        tags, params = {**run.tags, **view.tags}, {**run.params, **view.params}
        observed.run = replace(run, tags=tags, params=params, status=view.status, ended_ms=view.ended_ms)
        observed.epochs, observed.digest = len(view.rows), digest

    def _parent(self, target: Target, view: RunView) -> Mapping[str, str]:
        """The tag that makes a run the child of its sweep, which is published first."""
        parent = sweep_target(view.parent, target) if view.parent is not None else None
        if parent is None or view.parent is None:
            return {}
        with self._lock:
            if parent.key not in self._observed:  # its id may be that of a store that was lost
                self.publish(view.parent, asks=True)
            known = published(view.parent).get(parent.key)
        return {_PARENT: known.run_id} if known is not None else {}

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            artifacts = (self._outputs_dir / "artifacts").absolute().as_uri()
            self._experiments[name] = self._store.experiment_id(name, artifacts)
        return self._experiments[name]

    def _publish_file(self, folder: Path, target: Target, path: Path) -> None:
        shown = published(folder).get(target.key)
        changed_ns = path.stat().st_mtime_ns
        if shown is None or shown.files.get(path.name) == changed_ns:
            return
        observed = self._observed.get(target.key)
        run = observed.run if observed is not None else self._only(folder, target)
        if run is None:
            return
        if not run.deleted:
            write_artifact(self._store.uri, run.artifacts, path)
            self.sent.setdefault(folder, 0)
        write_published(folder, target.key, replace(shown, files={**shown.files, path.name: changed_ns}))


def _published(run: StoredRun) -> Published:
    return Published(run.run_id, run.experiment_id)


def _is_shown(folder: Path, target: Target) -> bool:
    shown = published(folder).get(target.key)
    if shown is None or shown.state != run_view(folder, target, held=False).digest():
        return False
    return all(shown.files.get(path.name) == path.stat().st_mtime_ns for path in files(folder))
