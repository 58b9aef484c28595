"""A tracking store with MLflow's tables in it: making them takes seconds, so they are made once and copied."""

import sqlite3
import warnings
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from experiments.recorders.tracker import Tracker


@cache
def _ready(folder: Path) -> Path:
    database = folder / "ready.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow defines its tables in a way that SQLAlchemy will drop
        Tracker(f"sqlite:///{database}", "Default", folder).open()
    return database


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A folder for what runs write; it does not exist yet."""
    return tmp_path / "outputs"


def make_store(outputs: Path, factory: pytest.TempPathFactory) -> str:
    """Put an empty store where a run would make its own, and return its URI."""
    outputs.mkdir(parents=True, exist_ok=True)
    ready = _ready(factory.getbasetemp())
    with closing(sqlite3.connect(ready)) as source, closing(sqlite3.connect(outputs / "mlflow.db")) as store:
        source.backup(store)  # its last transactions need not be in the file itself yet
    return f"sqlite:///{outputs}/mlflow.db"


@pytest.fixture
def store_uri(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty store in the outputs folder."""
    return make_store(outputs, tmp_path_factory)
