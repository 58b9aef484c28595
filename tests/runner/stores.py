"""A tracking store with MLflow's tables in it: making them takes seconds, so they are made once and copied."""

import shutil
import warnings
from functools import cache
from pathlib import Path

import pytest

from experiments.store.client import Client, mlflow
from experiments.store.store import Store, StoredRun
from experiments.tracking.publisher import Pass, Publisher, report


@cache
def _ready(folder: Path) -> Path:
    database = folder / "ready.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow defines its tables in a way that SQLAlchemy will drop
        store = Store(f"sqlite:///{database}")
        store.experiment_id("Default", None)
    store.client._tracking_client.store.engine.dispose()  # what was written ahead is in the file then
    return database


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store to be copied."""
    return _ready(tmp_path_factory.getbasetemp())


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A folder for what runs write; it does not exist yet."""
    return tmp_path / "outputs"


def make_store(outputs: Path, factory: pytest.TempPathFactory) -> str:
    """Put an empty store where a run would make its own, and return its URI."""
    outputs.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_ready(factory.getbasetemp()), outputs / "mlflow.db")
    return f"sqlite:///{outputs}/mlflow.db"


@pytest.fixture
def store_uri(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty store in the outputs folder."""
    return make_store(outputs, tmp_path_factory)


@pytest.fixture
def client(store_uri: str) -> Client:
    """MLflow's own client of the store."""
    client: Client = mlflow().MlflowClient(store_uri)
    return client


class InThisProcess:
    """In the place of a command's publisher process: one pass at its end."""

    def __init__(self, uri: str, outputs_dir: Path) -> None:
        self._uri, self._outputs_dir = uri, outputs_dir

    def finish(self) -> None:
        report(published(self._uri, self._outputs_dir))


class Nothing(InThisProcess):
    """Likewise; MLflow shows nothing."""

    def finish(self) -> None:
        pass


def published(uri: str, outputs: Path) -> Pass:
    """Have MLflow show what the folders say."""
    return Publisher(Store(uri), outputs).publish(again=True)


def stored_runs(uri: str) -> dict[str, StoredRun]:
    """What MLflow shows, by name."""
    return {run.name: run for run in Store(uri).search("")}
