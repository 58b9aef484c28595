"""Making a store show what a folder says: desired state against observed state, one idempotent step.

Cut off anywhere, the same call again converges. What a store has confirmed is in the folder, `published.json`, so that
it isn't asked for it again; whatever is uncertain is asked of the store.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock

from filelock import Timeout

from experiments.errors import UserError
from experiments.store.artifacts import write_artifact
from experiments.store.client import ArtifactError, StoreRefusesError, TrackerError
from experiments.store.store import RUN_KEY, Store, StoredRun
from experiments.tracking.outbox import exclusive, is_held, is_sweep
from experiments.tracking.run_view import RunView, files, params, parent_target, run_view
from experiments.tracking.targets import Published, Target, published, targets, write_published

_PARENT = "mlflow.parentRunId"
_DELETED = "DELETED"  # the state of what somebody has deleted in MLflow
_PATIENCE = 10.0  # seconds to wait for another process that is publishing the same folder


class BusyError(StoreRefusesError):
    """Another process is publishing the folder."""


class Reconciler:
    """Publishes folders in one store.

    Args:
        store: where.
        outputs_dir: whose folders.
        asks_all: ask the store for everything once, also for what it has confirmed before: it may have been lost.
    """

    def __init__(self, store: Store, outputs_dir: Path, *, asks_all: bool = False) -> None:
        self._store, self._outputs_dir, self._asks_all = store, outputs_dir, asks_all
        self.sent: dict[Path, int] = {}  # epochs, by folder that anything was sent of
        self._experiments: dict[str, str] = {}  # ids by name
        self._all: dict[str, defaultdict[str, list[StoredRun]]] = {}  # by experiment and key
        self._asked: set[str] = set()  # keys
        self._unanswered: set[str] = set()  # keys whose creation was not answered
        self._artifacts: dict[str, str] = {}  # where files go, by run id
        self._parents = Lock()

    def forget(self) -> None:
        """Take nothing for granted: the store may be another one now."""
        self._experiments.clear()
        self._artifacts.clear()
        self._asked.clear()

    def publish(self, folder: Path, *, wait: bool = True, asks: bool = False) -> bool:
        """Make the store show all of a folder but its files.

        Args:
            folder: of a run or a sweep.
            wait: for another process that is publishing it.
            asks: ask the store although it has confirmed everything.

        Returns:
            Whether it was closed here, because its process is gone.

        Raises:
            BusyError: another process is publishing it.
            TrackerError: the store cannot be reached or refuses.
        """
        with self.alone(folder, wait=wait):
            return any([self._publish(folder, target, asks=asks) for target in self._targets(folder)])

    def publish_files(self, folder: Path) -> None:
        """Upload the files of what has ended.

        Raises:
            ArtifactError: some could not be stored; all others are.
        """
        failures: list[ArtifactError] = []
        for target in (target for target in self._targets(folder) if target.current):
            for path in _missing(folder, target):
                try:
                    with self.alone(folder, wait=True):  # for each anew: a new attempt may be waiting
                        self._publish_file(folder, target, path)
                except ArtifactError as error:
                    failures.append(ArtifactError(f"{folder.parent.name[:-1]} {folder.name}, {path.name}: {error}"))
        if failures:
            raise failures[0]

    def _publish_file(self, folder: Path, target: Target, path: Path) -> None:
        shown, changed_ns = published(folder).get(target.key), path.stat().st_mtime_ns
        if shown is None or not shown.is_final:  # it is another attempt's by now
            return
        if shown.run_id not in self._artifacts:
            self._artifacts[shown.run_id] = self._store.artifacts(shown.run_id)
        write_artifact(self._store.uri, self._artifacts[shown.run_id], path)
        self.sent.setdefault(folder, 0)
        write_published(folder, target.key, replace(shown, files={**shown.files, path.name: changed_ns}))

    @contextmanager
    def alone(self, folder: Path, *, wait: bool) -> Iterator[None]:
        """Keep other publishers from a folder; name it where a file of it cannot be read or written."""
        try:
            with exclusive(folder, _PATIENCE if wait else 0):
                yield
        except Timeout as error:
            raise BusyError(f"{folder}: another process is publishing it") from error
        except TrackerError:
            raise
        except UserError as error:
            raise StoreRefusesError(str(error)) from error
        except OSError as error:  # one of a file that is open does not say of which
            raise StoreRefusesError(f"{error.filename or folder}: {error.strerror or error}") from error

    def _targets(self, folder: Path) -> list[Target]:
        return [target for target in targets(folder) if target.is_at(self._store.uri)]

    def is_published(self, folder: Path) -> bool:
        """Whether every store has confirmed all of a folder that no process is at, its files included."""
        try:
            return all(_is_shown(folder, target) for target in targets(folder))
        except (OSError, UserError):  # it cannot be read any more
            return False

    def _publish(self, folder: Path, target: Target, *, asks: bool = False) -> bool:
        view, known = run_view(folder, target, held=is_held(folder)), published(folder).get(target.key)
        asks = (asks or self._asks_all) and target.key not in self._asked
        if view.status == "RUNNING" and not _is_ready(folder):
            return False
        if known is not None and not asks and (known.state in (view.state, _DELETED) or _is_over(target, known)):
            return False
        if asks or known is None or not known.state or not known.epochs:  # without epochs, params may be missing too
            return self._publish_observed(folder, target, view, known)
        try:
            self._show(folder, target, view, known, known.epochs, {}, is_running=not known.is_final)
        except StoreRefusesError:  # somebody may have deleted it since, or all that the store had
            self.forget()
            return self._publish(folder, target)
        return view.died

    def _publish_observed(self, folder: Path, target: Target, view: RunView, known: Published | None) -> bool:
        """Publish what the store was asked about."""
        run = self._observe(folder, target, view, known)
        self._asked.add(target.key)
        was_shown = known is not None and known.state == view.state
        if run is not None and (known is None or known.run_id != run.run_id):
            known = Published(run.run_id, run.experiment_id, doubtful=target.key in self._unanswered)
        if known is None:  # of one that was replaced there is nothing to close
            return False
        if run is None or run.deleted:
            write_published(folder, target.key, replace(known, state=_DELETED))
            return False
        is_running = run.status == "RUNNING"
        if (run.status == view.status and known.state == view.state) or not (is_running or target.current):
            write_published(folder, target.key, replace(known, state=view.state))
            return False
        new = {key: text for key, text in params(folder).items() if key not in run.params}
        self._show(folder, target, view, known, 0, new, is_running=is_running)
        return view.died and not was_shown

    def _show(
        self,
        folder: Path,
        target: Target,
        view: RunView,
        known: Published,
        first: int,
        new: Mapping[str, str],
        *,
        is_running: bool,
    ) -> None:
        """Send rows from `first` on, new params, tags and status; what is confirmed does not hold in the meantime."""
        known = replace(known, epochs=max(known.epochs, len(view.rows)), state="")
        write_published(folder, target.key, known)
        self.sent[folder] = max(0, len(view.rows) - first)
        self._store.log(known.run_id, new, view.tags, view.metrics(first))
        if not is_running or view.status != "RUNNING":
            self._store.set_status(known.run_id, view.status, view.ended_ms)
        if known.doubtful and view.status != "RUNNING":
            self._observe(folder, target, view, known)  # the other one is deleted
            known = replace(known, doubtful=False)
        write_published(folder, target.key, replace(known, state=view.state))

    def _observe(self, folder: Path, target: Target, view: RunView, known: Published | None) -> StoredRun | None:
        """The run of a target, created if there is none; of several, which were created late, one stays."""
        kept = known.run_id if known is not None else ""
        found = sorted(self._find(target), key=lambda run: (run.deleted, run.run_id != kept))
        for other in found[1:]:
            if not other.deleted:
                self._store.delete(other.run_id)
        if found or not target.current:
            run = found[0] if found else None
        else:
            tags = {**view.tags, **self._parent(folder, target)}
            try:
                run = self._store.create(self._experiment(target.experiment), target.name, tags, view.started_ms)
            except TrackerError:
                self._unanswered.add(target.key)
                raise
        if run is not None:
            self._artifacts[run.run_id] = run.artifacts
        return run

    def _find(self, target: Target) -> list[StoredRun]:
        experiment = self._experiment(target.experiment)
        if self._asks_all:
            if experiment not in self._all:
                by_key = defaultdict(list)
                for run in self._store.find(experiment):
                    by_key[run.tags.get(RUN_KEY, "")].append(run)
                self._all[experiment] = by_key
            if known := self._all[experiment].pop(target.key, None):
                return known
        return self._store.find(experiment, target.key)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            artifacts = (self._outputs_dir / "artifacts").absolute().as_uri()
            self._experiments[name] = self._store.experiment_id(name, artifacts)
        return self._experiments[name]

    def _parent(self, folder: Path, target: Target) -> Mapping[str, str]:
        """The tag that makes a run the child of its sweep, which is published first."""
        parent = parent_target(folder, target)
        if parent is None:
            return {}
        sweep, of_sweep = parent
        with self._parents:
            if of_sweep.key not in self._asked:  # its id may be that of a store that was lost
                self.publish(sweep, asks=True)
        shown = published(sweep).get(of_sweep.key)
        return {_PARENT: shown.run_id} if shown is not None else {}


def _is_ready(folder: Path) -> bool:
    """Whether a run that is just starting has written what MLflow takes but once: its configuration."""
    return is_sweep(folder) or (folder / "config.yaml").exists()


def _is_over(target: Target, known: Published) -> bool:
    """Whether nothing is left to do for a run that another has replaced."""
    return known.is_final and not target.current


def _is_shown(folder: Path, target: Target) -> bool:
    shown = published(folder).get(target.key)
    if shown is None or not target.current:
        return not target.current and (shown is None or shown.is_final)
    if shown.state == _DELETED:
        return True
    return shown.state == run_view(folder, target, held=False).state and not _missing(folder, target)


def _missing(folder: Path, target: Target) -> list[Path]:
    """The files that are not known to be stored as they are now."""
    shown = published(folder).get(target.key)
    if shown is None or shown.state == _DELETED:
        return []
    return [path for path in files(folder) if shown.files.get(path.name) != path.stat().st_mtime_ns]
