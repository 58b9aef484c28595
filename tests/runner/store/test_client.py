"""MLflow's client as it is set up here: what it waits for, how it reaches this machine, and what its errors say."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import mlflow
import pytest

from experiments.store.client import TrackerError, connect, translated
from tests.runner.composed import CHECKOUT
from tests.runner.store.test_hostile_server import API, HostileServer

CLOSED = "http://127.0.0.1:9"  # the port of a service that nobody runs any more
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ASK = """
import os, sys
from experiments.store.store import Store
print(Store(sys.argv[1]).experiments(), os.environ["no_proxy"], sep="\\n")
"""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a tracking server with one experiment."""
    server = HostileServer()
    server.answers[f"{API}/experiments/search"] = {"experiments": [{"experiment_id": "1", "name": "cnn"}]}
    yield int(server.uri.rpartition(":")[2])
    server.close()


@pytest.fixture
def ask_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Asks a store for its experiments, in a process whose proxy does not answer; returns them and `no_proxy`."""
    for name in PROXIES:
        monkeypatch.setenv(name, CLOSED)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def ask(uri: str) -> list[str]:
        return subprocess.check_output([sys.executable, "-c", ASK, uri], cwd=CHECKOUT, text=True).splitlines()

    return ask


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_not_asked_through_a_proxy(
    host: str, port: int, ask_behind_a_proxy: Callable[[str], list[str]]
) -> None:
    assert ask_behind_a_proxy(f"http://{host}:{port}")[0] == "{'cnn': '1'}"


def test_hosts_that_the_user_excepts_from_the_proxy_stay_excepted(
    port: int, ask_behind_a_proxy: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    experiments, excepted = ask_behind_a_proxy(f"http://127.0.0.1:{port}")
    assert experiments == "{'cnn': '1'}"
    assert excepted.startswith("example.org,")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    assert ask_behind_a_proxy(f"http://127.0.0.1:{port}") == ["{'cnn': '1'}", "*"]


def test_locked_database_is_waited_for_seconds_and_named_as_such(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(store_uri)
    experiment = client.create_experiment("cnn")
    monkeypatch.setattr("experiments.store.client._MAX_LOCKED_MS", 1)
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TrackerError) as caught, translated(store_uri):
            client.create_run(experiment)
    assert str(caught.value) == f"tracking.uri={store_uri}: database is locked"


def set_revision(uri: str, revision: str) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store:
        store.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        store.commit()


@pytest.mark.parametrize("missing", ["", "DROP TABLE tags"])  # then MLflow sees it while it makes the others
def test_store_of_a_newer_mlflow_is_said_to_be_one(store_uri: str, missing: str) -> None:
    set_revision(store_uri, "0123456789ab")
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as store:
        store.execute(missing)
    with pytest.raises(TrackerError) as caught:
        connect(store_uri)
    installed = f"the {mlflow.__version__} that is installed"
    said = f"was made by a newer MLflow than {installed}; install a newer one, or use another store"
    assert str(caught.value) == f"tracking.uri={store_uri}: {said}"


def test_store_of_an_older_mlflow_can_be_brought_up_to_date(store_uri: str) -> None:
    set_revision(store_uri, "1bd49d398cd23")
    with pytest.raises(TrackerError, match="'mlflow db upgrade <database_uri>'"):
        connect(store_uri)
