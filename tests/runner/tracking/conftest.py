"""Stores of these tests: MLflow over SQLite, its tables made once and copied."""

import shutil
from pathlib import Path

import pytest

from experiments.tracking.client import Client, mlflow
from experiments.tracking.store import Store


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables in it: making them takes seconds."""
    database = tmp_path_factory.mktemp("ready") / "ready.db"
    store = Store(f"sqlite:///{database}")
    with pytest.warns():  # MLflow defines its tables in a way that SQLAlchemy will drop
        store.experiment_id("Default", None)
    store.client._tracking_client.store.engine.dispose()  # what was written ahead is in the file then
    return database


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A folder for what runs write."""
    return tmp_path / "outputs"


@pytest.fixture
def store_uri(ready: Path, outputs: Path) -> str:
    """An empty store in that folder."""
    outputs.mkdir()
    shutil.copyfile(ready, outputs / "mlflow.db")
    return f"sqlite:///{outputs}/mlflow.db"


@pytest.fixture
def client(store_uri: str) -> Client:
    """MLflow's own client of that store."""
    client: Client = mlflow().MlflowClient(store_uri)
    return client


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn: pictures take longer than all else that a publisher does."""
    monkeypatch.setattr("experiments.tracking.publisher.draw", lambda _: None)
