"""A tracking store as a whole: what it has in all its experiments, and what can be asked of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

from experiments.recorders.artifacts import read_artifact
from experiments.recorders.mlflow_client import Client, TrackerError, checked_run_id, connect, mlflow, translated
from experiments.recorders.uri import absolute_uri, public, sqlite_path

_PAGE = 1000  # what a search finds comes in answers of this size
_PAGES = 1000  # more than a store has that is a store
_CONNECTIONS = 8  # to a server that is asked for much
DESCRIPTION = "mlflow.note.content"  # the tag that MLflow shows as a run's description, Markdown
RERUN_OF = "rerun.of"  # the tag that a rerun has alone
SWEEP_SIZE = "sweep.size"  # the tag that tells a sweep's own run from its children


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


class Store:
    """A store with all its experiments, opened on first use.

    Args:
        uri: as MLflow writes it; a relative SQLite path is read from the current folder.
    """

    def __init__(self, uri: str) -> None:
        self.uri = absolute_uri(uri)

    @property
    def key(self) -> str:
        """What the books of runs call it."""
        return public(self.uri)

    @cached_property
    def client(self) -> Client:
        """MLflow's own client; a store that is new gets its tables."""
        return connect(self.uri)

    def is_missing(self) -> bool:
        """Whether opening the store would make it."""
        path = sqlite_path(self.uri)
        return path is not None and not path.exists()

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
            for run in _paged(lambda **page: self.client.search_runs(ids, condition, **page)):
                yield _stored_run(run)

    def run_ids(self) -> set[str]:
        """The ids of all runs there are or have been."""
        everything = mlflow().entities.ViewType.ALL
        with translated(self.uri):
            ids = [found.experiment_id for found in _paged(partial(self.client.search_experiments, everything))]
            found = _paged(lambda **page: self.client.search_runs(ids, "", everything, **page))
            return {run.info.run_id for run in found}

    def knows(self, run_id: str) -> bool:
        """Whether there is this run or has been."""
        with translated(self.uri):
            try:
                self.client.get_run(run_id)
            except mlflow().exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return False
                raise
            return True

    def values(self, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[str, str, int, float]]:
        """Every value of these metrics: run id, key, step, value; of each run and key in the order of time."""
        if not run_ids:
            return
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
                histories = pool.map(self._history, pairs)
                for (run_id, key), history in zip(pairs, histories, strict=True):
                    for metric in history:
                        yield run_id, key, metric.step, metric.value

    def _history(self, run_and_key: tuple[str, str]) -> list[Any]:
        run_id, key = run_and_key
        ask = partial(self.client._tracking_client.store.get_metric_history, run_id, key)
        return list(_paged(ask))

    def is_running(self, run_id: str) -> bool:
        """Whether a run is RUNNING at this moment."""
        with translated(self.uri):
            return bool(self.client.get_run(run_id).info.status == "RUNNING")

    def interrupt(self, run_id: str) -> None:
        """Close a run that nobody works at any more."""
        with translated(self.uri):
            self.client.set_tag(run_id, "outcome", "interrupted", synchronous=True)
            self.client.set_terminated(run_id, "KILLED")

    def file(self, run_id: str, name: str) -> bytes | None:
        """A file of a run's artifacts; None if there is none or it lies where this machine cannot get it."""
        with translated(self.uri):
            try:
                return read_artifact(self.client, self.uri, run_id, name)
            except mlflow().exceptions.MlflowException:
                return None


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
    raise TrackerError("the store finds no end: its answers go on after a million, or come again")


def _stored_run(run: Any) -> StoredRun:
    info, data = run.info, run.data
    run_id, name = checked_run_id(info.run_id), str(info.run_name or "")
    return StoredRun(run_id, name, info.status, int(info.start_time or 0), data.tags, data.params, data.metrics)
