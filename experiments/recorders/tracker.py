"""The tracking store: the one file that speaks to MLflow.

It knows no training. Everything goes through an explicit client, so no MLFLOW_* variable of the surroundings and no
active run of the process can redirect a run. Rows carry their own timestamps: uploading a row twice changes nothing.
"""

import contextlib
import json
import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from filelock import FileLock
from requests import RequestException

from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.recorders.abandoned import close_abandoned
from experiments.recorders.history import Row

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PATIENCE = 120.0  # seconds to wait for another process that makes the store ready
_PAGE = 1000  # what a search finds comes in answers of this size
_CONNECTIONS = 8  # to a server that is asked for much
DESCRIPTION = "mlflow.note.content"  # the tag that MLflow shows as a run's description, Markdown
SWEEP_SIZE = "sweep.size"  # the tag that tells a sweep's own run from its children
# Without the switch, the UI opens in a mode for language models that shows no training runs.
_MODE = "workflowType=machine_learning"
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

# What `public` leaves out. A password may hold a slash; what follows the host's colon is its port.
_BEFORE_HOST = re.compile(r"://(?:[^/:\s]*:(?!\d+(?:[/?#\s]|$))\S*@|[^/\s]*@)")
_SECRET = r"user(?:name)?|[^=&?\s]*(?:passw|passphrase|pwd|secret|token|credential|api_?key)[^=&\s]*"
_IN_QUERY = re.compile(rf"([?&])(?:(?:{_SECRET})=[^&\s]*(?:&|(?=\s|$)))+", re.IGNORECASE)

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default an unreachable server blocks each call for minutes
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen more processes that nothing here needs
}


class TrackerError(UserError):
    """The store cannot be reached or refuses; training does not depend on it."""


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
    def client(self) -> "MlflowClient":
        """MLflow's own client; a store that is new gets its tables."""
        with translated(self.uri), _one_at_a_time(self.uri):
            path = _sqlite_path(self.uri)
            if path is not None and not path.exists():
                _create_database(path)
            return _client(self.uri)

    def is_missing(self) -> bool:
        """Whether opening the store would make it."""
        path = _sqlite_path(self.uri)
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
                histories = pool.map(lambda pair: self.client.get_metric_history(*pair), pairs)
                for (run_id, key), history in zip(pairs, histories, strict=True):
                    for metric in history:
                        yield run_id, key, metric.step, metric.value

    def running(self) -> list[StoredRun]:
        """The runs that are RUNNING, as far as the store knows."""
        return list(self.search("attributes.status = 'RUNNING'"))

    def is_running(self, run_id: str) -> bool:
        """Whether a run is RUNNING at this moment."""
        with translated(self.uri):
            return bool(self.client.get_run(run_id).info.status == "RUNNING")

    def interrupt(self, run_id: str) -> None:
        """Close a run that nobody works at any more."""
        with translated(self.uri):
            self.client.set_tag(run_id, "outcome", "interrupted")
            self.client.set_terminated(run_id, "KILLED")

    def file(self, run_id: str, name: str) -> bytes | None:
        """A file of a run's artifacts; None if there is none or it lies where this machine cannot get it."""
        with translated(self.uri), tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self.client.download_artifacts(run_id, name, folder)).read_bytes()
            except (_mlflow().exceptions.MlflowException, OSError):
                return None


class Tracker:
    """An experiment in a store, made ready on first use.

    Args:
        uri: of the store, as MLflow writes it; a relative SQLite path is read from the current folder.
        experiment: name, created if missing.
        outputs_dir: where runs write. Files go to its folder `artifacts`, if the store is a database on this machine.
    """

    def __init__(self, uri: str, experiment: str, outputs_dir: Path) -> None:
        self._store = Store(uri)
        self.uri = self._store.uri
        self.experiment = experiment
        self._outputs_dir = outputs_dir
        self._experiment_id: str | None = None

    def open(self) -> str:
        """Make the store and the experiment ready, close what was abandoned, and return the experiment's id."""
        if self._experiment_id is None:
            client = self._store.client
            with translated(self.uri), _one_at_a_time(self.uri):
                self._experiment_id = self._find_or_create_experiment(client)
            close_abandoned(self._store, self._outputs_dir)
        return self._experiment_id

    @property
    def _client(self) -> "MlflowClient":
        self.open()
        return self._store.client

    def create(self, name: str, *, tags: Mapping[str, str], begun_ms: int, parent: str | None = None) -> str:
        """Create a run, RUNNING, and return its id."""
        experiment_id = self.open()
        tags = {**tags, "mlflow.source.name": "experiments.train", "mlflow.source.type": "LOCAL"}
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        with translated(self.uri):
            return str(self._client.create_run(experiment_id, begun_ms, tags, run_name=name).info.run_id)

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log the parameters that are not there yet; MLflow lets none be changed."""
        with translated(self.uri):
            param = _mlflow().entities.Param
            missing = params.keys() - self._client.get_run(run_id).data.params.keys()
            self._client.log_batch(run_id, params=[param(key, str(params[key])) for key in sorted(missing)])

    def resume(self, run_id: str) -> bool:
        """Set an earlier run RUNNING again; False if the store has it no more."""
        self.open()
        with translated(self.uri):
            try:
                if self._client.get_run(run_id).info.lifecycle_stage != "active":
                    return False
            except _mlflow().exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return False
                raise
            self._client.update_run(run_id, status="RUNNING")
        return True

    def log_rows(self, run_id: str, rows: Sequence[Row]) -> None:
        """Log the metrics of epochs, step = epoch."""
        metrics = [(key, value, row) for row in rows for key, value in row.metrics.items()]
        with translated(self.uri):
            metric = _mlflow().entities.Metric
            for start in range(0, len(metrics), 1000):  # the most a call takes
                part = metrics[start : start + 1000]
                self._client.log_batch(run_id, [metric(k, v, row.timestamp_ms, row.epoch) for k, v, row in part])

    def log_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags."""
        if tags:
            with translated(self.uri):
                tag = _mlflow().entities.RunTag  # in one call: each is a transaction, and waits for the disk
                self._client.log_batch(run_id, tags=[tag(key, value) for key, value in tags.items()])

    def log_files(self, run_id: str, files: Sequence[Path]) -> None:
        """Upload files as artifacts; one that does not exist is left out."""
        with translated(self.uri):
            for file in files:
                if file.exists():
                    self._client.log_artifact(run_id, str(file))

    def finish(self, run_id: str, status: Status) -> None:
        """End a run with this status."""
        with translated(self.uri):
            self._client.set_terminated(run_id, status)

    def _find_or_create_experiment(self, client: "MlflowClient") -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, self._artifact_location()))
        if found.lifecycle_stage != "active":
            raise TrackerError(
                f"tracking.experiment={self.experiment}: "
                f"was deleted in {public(self.uri)}; restore it or choose another"
            )
        return str(found.experiment_id)

    def _artifact_location(self) -> str | None:
        """A tracking server decides for itself where files go."""
        folder = (self._outputs_dir / "artifacts").absolute()
        return None if is_server(self.uri) else folder.as_uri()


def tracker(config: Config) -> Tracker:
    """The tracker of a run's store and experiment, one a process: opening a store is slow."""
    return _tracker(config.tracking.uri, config.tracking.experiment, Path(config.outputs_dir))


_tracker = cache(Tracker)


def links(uri: str) -> dict[str, str]:
    """Pages of the UI worth opening, by title: each experiment's runs, and those of its latest sweep in a flat list."""
    pages = {}
    client = Store(uri).client
    with translated(uri):
        for found in client.search_experiments(filter_string="name != 'Default'"):
            page = f"#/experiments/{found.experiment_id}?{_MODE}"
            pages[f"experiment {found.name}"] = page
            if sweeps := client.search_runs([found.experiment_id], f"tags.`{SWEEP_SIZE}` != ''", max_results=1):
                own = sweeps[0].info
                pages[f"experiment {found.name}, latest {own.run_name}"] = children_page(
                    found.experiment_id, own.run_id
                )
    return pages


def children_page(experiment_id: str, parent: str) -> str:
    """The page of the UI that lists a sweep's runs, without the server's address."""
    children = quote(f"tags.`mlflow.parentRunId` = '{parent}'")
    return f"#/experiments/{experiment_id}?{_MODE}&searchFilter={children}"


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """The page of the UI that compares exactly these runs, without the server's address.

    The UI wants `runs` first.

    >>> compare_page("1", ["ab", "cd"])
    '#/compare-runs?runs=[%22ab%22,%22cd%22]&experiments=[%221%22]&workflowType=machine_learning'
    """
    runs, experiments = (
        quote(json.dumps(ids, separators=(",", ":")), safe="[],") for ids in (list(run_ids), [experiment_id])
    )
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{_MODE}"


def is_server(uri: str) -> bool:
    """Whether a store is a tracking server, which has a UI of its own."""
    return urlsplit(uri).scheme in ("http", "https")


def server_address(uri: str) -> str:
    """Where a store's UI is: the tracking server's own address, else that of `python -m experiments.ui`.

    >>> server_address("https://user:secret@example.org/"), server_address("sqlite:////tmp/mlflow.db")
    ('https://example.org', 'http://127.0.0.1:5000')
    """
    return public(uri).rstrip("/") if is_server(uri) else "http://127.0.0.1:5000"


def absolute_uri(uri: str) -> str:
    """Write a relative SQLite path out in full, so that it means the same from every folder.

    >>> absolute_uri("sqlite:////tmp/mlflow.db")
    'sqlite:////tmp/mlflow.db'
    """
    path = _sqlite_path(uri)
    return uri if path is None else f"sqlite:///{path.absolute()}"


def public(text: str) -> str:
    """A URI, or a text with URIs in it, as it may be shown: without users and passwords.

    >>> public("postgresql://user:secret@db:5432/mlflow")
    'postgresql://db:5432/mlflow'
    >>> public("postgresql://db/mlflow?sslmode=require&sslpassword=secret")
    'postgresql://db/mlflow?sslmode=require'
    """
    return _IN_QUERY.sub(lambda found: found[1] if found[0].endswith("&") else "", _BEFORE_HOST.sub("://", text))


def _sqlite_path(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _paged(search: Callable[..., Any]) -> Iterator[Any]:
    """What a search finds, page by page."""
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _stored_run(run: "Run") -> StoredRun:
    info, data = run.info, run.data
    name = str(info.run_name or "")
    return StoredRun(info.run_id, name, info.status, int(info.start_time or 0), data.tags, data.params, data.metrics)


def _client(uri: str) -> "MlflowClient":
    client: MlflowClient = _mlflow().MlflowClient(uri)
    return client


@cache
def _mlflow() -> ModuleType:
    """MLflow, imported at first use: it takes seconds, and must find its settings when it comes."""
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    mlflow = import_module("mlflow")
    import_module("mlflow.entities")
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return mlflow


@cache
def _store_errors() -> tuple[type[Exception], ...]:
    """What a store raises when it cannot be reached or used."""
    return (
        _mlflow().exceptions.MlflowException,
        import_module("sqlalchemy.exc").SQLAlchemyError,
        import_module("alembic.util").CommandError,
        sqlite3.Error,
        RequestException,
        OSError,
        ImportError,  # a database's driver is not installed
    )


def _create_database(path: Path) -> None:
    """Create an empty SQLite database that writes ahead.

    A transaction then waits for the disk once instead of four times, and readers and a writer do not wait for each
    other. The processes of such a database must be on one machine; those of several share a tracking server.
    """
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")  # it stays with the file


@contextlib.contextmanager
def _one_at_a_time(uri: str) -> Iterator[None]:
    """Let one process at a time make a SQLite store ready: two at once break a fresh one for good."""
    path = _sqlite_path(uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=_PATIENCE):
        yield


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises when a store fails into one error with one line."""
    try:
        yield
    except _store_errors() as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrackerError(f"tracking.uri={public(uri)}: {public(first_line)}") from error
