"""The publisher as a process: whoever is killed, the store shows in the end what the folders say."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import sync
from experiments.store.client import Client
from experiments.tracking.outbox import unpublished
from experiments.tracking.process import publishing
from tests.runner.composed import CHECKOUT
from tests.runner.tracking.folders import IDENTITY, SweepProcess, run

PATIENCE = 300  # seconds: for a machine with much else to do
PARENT = """
import sys
from pathlib import Path
from experiments.tracking.process import publishing
from tests.runner.tracking.folders import run

outputs, uri = Path(sys.argv[1]), sys.argv[2]
with publishing(uri, outputs):
    process = run(outputs, uri)
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> "list[subprocess.Popen[str]]":
    """The publishers that are started."""
    made: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, **more)  # type: ignore[call-overload]
            made.append(self)

    monkeypatch.setattr("experiments.tracking.early.subprocess.Popen", Noted)
    return made


def shown(client: Client) -> list[tuple[str, str]]:
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    return sorted((run.info.status, run.data.tags["outcome"]) for run in runs)


def test_publisher_closes_the_run_of_a_parent_that_is_killed(store_uri: str, outputs: Path, client: Client) -> None:
    words = [sys.executable, "-c", PARENT, str(outputs), store_uri]
    parent = subprocess.Popen(words, cwd=CHECKOUT, stdin=-1, stdout=-1, stderr=-1, text=True)
    assert parent.stdout is not None
    assert parent.stderr is not None
    assert parent.stdout.readline() == "begun\n"
    parent.kill()
    parent.communicate(timeout=PATIENCE)  # the publisher has the same stderr: it is gone, too
    assert shown(client) == [("KILLED", "interrupted")]
    assert list(unpublished(outputs)) == []


def test_publisher_that_is_killed_is_started_again(
    store_uri: str, outputs: Path, client: Client, started: "list[subprocess.Popen[str]]"
) -> None:
    with publishing(store_uri, outputs):
        run(outputs, store_uri).finish()
        started[0].kill()
        started[0].wait()
    assert len(started) == 2
    assert shown(client) == [("FINISHED", "completed")]
    assert list(unpublished(outputs)) == []


def test_publisher_that_fails_is_said_to_fail(
    store_uri: str, outputs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("experiments.tracking.early.sys.executable", "false")
    run(outputs, store_uri).finish()
    SweepProcess(outputs, "a" * 12, store_uri, "sweeps").begin()
    with publishing(store_uri, outputs):
        pass
    assert "the publisher failed with exit code 1\nNothing is lost: 1 run is not complete there yet" in caplog.text


def test_server_that_never_answers_does_not_hold_the_exit(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run(outputs, uri).end("failed")
        with publishing(uri, outputs):
            connection, _ = silent.accept()  # the publisher is ready and asks
            begun = time.monotonic()
        assert time.monotonic() - begun < 15
        connection.close()
    assert f"tracking.uri={uri}: " in caplog.text
    assert "Nothing is lost: 1 run is not complete there yet" in caplog.text
    assert [folder.name for folder in unpublished(outputs)] == [IDENTITY]


@pytest.mark.usefixtures("no_pictures")
def test_sync_rebuilds_a_store_that_was_deleted(
    store_uri: str, outputs: Path, ready: Path, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    run(outputs, store_uri, epochs=2).finish()
    run(outputs, store_uri, name="1" * 12).kill()
    words = ["--outputs-dir", str(outputs)]
    whole = [("FINISHED", "completed"), ("KILLED", "interrupted")]
    assert sync.main(words) == 0
    assert shown(client) == whole
    client._tracking_client.store.engine.dispose()
    for path in outputs.glob("mlflow.db*"):
        path.unlink()
    (outputs / "mlflow.db").write_bytes(ready.read_bytes())
    capsys.readouterr()
    assert sync.main(words) == 0
    assert capsys.readouterr().out == f"run {IDENTITY}  2 epochs\nrun {'1' * 12}  1 epoch\n"
    assert shown(client) == whole
