"""A tracking store as a whole: what it has in all its experiments, and the few calls that change it."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any, TypeAlias
from urllib.parse import quote

from experiments.store.artifacts import mend_locations, read_artifact
from experiments.store.client import (
    Client,
    StoreRefusesError,
    TrackerError,
    connect,
    mlflow,
    one_at_a_time,
    translated,
)
from experiments.store.uri import absolute_uri, is_run_id, is_server, public, sqlite_path
from experiments.untrusted import printable

_PAGE = 1000  # what a search finds comes in answers of this size
_PAGES = 1000  # more than a store has that is a store
_CONNECTIONS = 8  # to a server that is asked for much
DESCRIPTION = "mlflow.note.content"  # the tag that MLflow shows as a run's description, Markdown
RUN_KEY = "run.key"  # the tag by which a run is found whose creation was never answered
RERUN_OF = "rerun.of"  # the tag that a rerun has alone
SWEEP_SIZE = "sweep.size"  # the tag that tells a sweep's own run from its children

Value: TypeAlias = tuple[str, float, int, int]  # of a metric: its name, the value, ms since 1970, step


@dataclass(frozen=True)
class StoredRun:
    """What a store tells of a run; of each metric the last value. All of it may come from a stranger."""

    run_id: str
    name: str
    status: str
    begun_ms: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    experiment_id: str = ""
    artifacts: str = ""  # where its files go
    deleted: bool = False
    ended_ms: int | None = None


class Store:
    """A store with all its experiments, opened on first use.

    Args:
        uri: as MLflow writes it; a relative SQLite path is read from the current folder.
    """

    def __init__(self, uri: str) -> None:
        self.uri = absolute_uri(uri)
        self._file: object = None  # which one was opened

    @property
    def key(self) -> str:
        """What runs call it in their targets."""
        return public(self.uri)

    @cached_property
    def client(self) -> Client:
        """MLflow's own client; a store that is new gets its tables, and one that was moved finds its files."""
        client, path = connect(self.uri), sqlite_path(self.uri)
        if path is not None:
            with translated(self.uri):
                mend_locations(path)
        self._file = self._found_file()
        return client

    def close(self) -> None:
        """Let go of a database, if it is one: what was written ahead is in the file itself then."""
        client = self.__dict__.pop("client", None)
        if client is not None and (engine := getattr(client._tracking_client.store, "engine", None)):
            engine.dispose()

    def is_missing(self) -> bool:
        """Whether opening the store would make it, be it in a database of something else."""
        path = sqlite_path(self.uri)
        if path is None or path.is_dir():  # opening it says so
            return False
        try:
            with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
                return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone() is None
        except sqlite3.Error:
            return not path.is_file()

    def is_replaced(self) -> bool:
        """Whether a database was deleted since it was opened: SQLite would go on writing to the deleted one."""
        return "client" in self.__dict__ and self._found_file() != self._file

    def _found_file(self) -> object:
        path = sqlite_path(self.uri)
        try:
            found = path.stat() if path is not None else None
        except OSError:
            return None
        return found and (found.st_dev, found.st_ino)

    def experiments(self) -> dict[str, str]:
        """The id of each experiment, by name."""
        with translated(self.uri):
            return {found.name: found.experiment_id for found in _paged(self.client.search_experiments)}

    def search(self, condition: str, experiments: Sequence[str] | None = None) -> Iterator[StoredRun]:
        """The runs that a condition in MLflow's language holds for, the last begun first.

        Args:
            condition: `tags.identity LIKE '3f%'`; empty for all.
            experiments: ids; all there are if not given.
        """
        ids = list(self.experiments().values() if experiments is None else experiments)
        with translated(self.uri):
            yield from map(_stored_run, _paged(partial(self.client.search_runs, ids, condition)))

    def find(self, experiment_id: str, key: str | None = None) -> list[StoredRun]:
        """The runs with this `run.key`, or with any, deleted ones included, by id."""
        everything, condition = mlflow().entities.ViewType.ALL, f"= '{key}'" if key else "!= ''"
        search = partial(self.client.search_runs, [experiment_id], f"tags.`{RUN_KEY}` {condition}", everything)
        with translated(self.uri):
            return sorted(map(_stored_run, _paged(search)), key=lambda run: run.run_id)

    def experiment_id(self, name: str, artifacts: str | None) -> str:
        """The id of an experiment, made if there is none.

        Args:
            name: of the experiment.
            artifacts: where files of its runs go; a tracking server decides for itself.
        """
        client = self.client  # it is made ready under the same lock
        with translated(self.uri), one_at_a_time(self.uri):
            found = client.get_experiment_by_name(name)
            if found is None:
                try:
                    return str(client.create_experiment(name, None if is_server(self.uri) else artifacts))
                except mlflow().exceptions.MlflowException:
                    found = client.get_experiment_by_name(name)
                    if found is None:  # else another has made it in the meantime
                        raise
        if found.lifecycle_stage != "active":
            raise StoreRefusesError(
                f"tracking.experiment={name}: was deleted in {self.key}; restore it or choose another"
            )
        return str(found.experiment_id)

    def create(self, experiment_id: str, name: str, tags: Mapping[str, str], started_ms: int) -> StoredRun:
        """Create a run, RUNNING; its tags are stored in the same transaction."""
        with translated(self.uri):
            return _stored_run(self.client.create_run(experiment_id, started_ms, dict(tags), run_name=name))

    def log(
        self,
        run_id: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        values: Sequence[Value],
    ) -> None:
        """Log params, tags and metrics in one call where they fit; a value that is sent again changes nothing.

        Args:
            run_id: of the run.
            params: by name; one that the run has must have the same value.
            tags: by name.
            values: of metrics.
        """
        entities = mlflow().entities
        metrics = [entities.Metric(*value) for value in values]
        texts = [entities.Param(key, text) for key, text in sorted(params.items())]
        marks = [entities.RunTag(key, text) for key, text in tags.items()]
        with translated(self.uri):  # not as MLFLOW_ENABLE_ASYNC_LOGGING may have it: what fails then looks like done
            self.client.log_batch(run_id, metrics, texts, marks, synchronous=True)

    def set_status(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Say that a run is RUNNING, or how and when it ended."""
        with translated(self.uri):
            if status == "RUNNING":
                self.client.update_run(run_id, status=status)
            else:
                self.client.set_terminated(run_id, status, ended_ms)

    def delete(self, run_id: str) -> None:
        """Delete a run that was created twice."""
        with translated(self.uri):
            self.client.delete_run(run_id)

    def values(self, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[str, str, int, float]]:
        """Every value of these metrics: run id, key, step, value; of each run and key in the order of time."""
        with translated(self.uri):
            # A database is asked for many runs at once, which the client has no word for; a server one by one.
            at_once = getattr(self.client._tracking_client.store, "get_metric_history_bulk", None)
            if at_once is not None:
                for start, key in product(range(0, len(run_ids), _PAGE), keys):
                    for found in at_once(run_ids[start : start + _PAGE], key, None):
                        yield found.run_id, key, found.step, found.value
                return
            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                pairs = list(product(run_ids, keys))
                for (run_id, key), history in zip(pairs, pool.map(self._history, pairs), strict=True):
                    for metric in history:
                        yield run_id, key, metric.step, metric.value

    def _history(self, run_and_key: tuple[str, str]) -> list[Any]:
        return list(_paged(partial(self.client._tracking_client.store.get_metric_history, *run_and_key)))

    def file(self, run_id: str, name: str) -> bytes | None:
        """A file of a run's artifacts; None if there is none or it lies where this machine cannot get it."""
        location = self.artifacts(run_id)
        with translated(self.uri):
            try:
                return read_artifact(self.client, self.uri, location, name)
            except mlflow().exceptions.MlflowException:
                return None

    def artifacts(self, run_id: str) -> str:
        """Where a run's files go, as the store says."""
        with translated(self.uri):
            return str(self.client.get_run(run_id).info.artifact_uri)


def _paged(search: Callable[..., Any]) -> Iterator[Any]:
    """What a search finds, page by page.

    Raises:
        TrackerError: there is no end of it.
    """
    token, seen = None, set[str]()
    while token not in seen and len(seen) < _PAGES:
        seen.add(token or "")
        page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
    raise TrackerError("the search does not end: more than a million results, or a repeated page")


def _stored_run(run: Any) -> StoredRun:
    info, data = run.info, run.data
    if not is_run_id(info.run_id):
        raise TrackerError(f"the store calls a run {printable(info.run_id)!r}, which is no id of MLflow's")
    return StoredRun(
        run_id=info.run_id,
        name=str(info.run_name or ""),
        status=info.status,
        begun_ms=int(info.start_time or 0),
        tags=data.tags,
        params=data.params,
        metrics=data.metrics,
        experiment_id=str(info.experiment_id),
        artifacts=str(info.artifact_uri),
        deleted=info.lifecycle_stage == "deleted",
        ended_ms=int(info.end_time) if info.end_time else None,
    )
