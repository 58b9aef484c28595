"""What the tests of tracking share."""

import pytest

from experiments.tracking.client import Client, mlflow


@pytest.fixture
def client(store_uri: str) -> Client:
    """MLflow's own client of the store."""
    client: Client = mlflow().MlflowClient(store_uri)
    return client


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn: pictures take longer than all else that a publisher does."""
    monkeypatch.setattr("experiments.tracking.publisher.draw", lambda _: None)
