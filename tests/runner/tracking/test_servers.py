"""Real tracking servers of the kinds that people have: statuses are right whatever becomes of the files."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from experiments.store.client import TrackerError
from experiments.store.store import Store
from experiments.tracking.outbox import unpublished
from experiments.tracking.publisher import Publisher
from tests.faults.proxy import Proxy
from tests.runner.tracking.folders import run

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]
PATIENCE = 300  # seconds: for a machine with much else to do


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextmanager
def served(database: str, *words: str, health: str = "/health") -> Iterator[int]:
    """A server of its own with these options; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    folder = Path(database.removeprefix("sqlite:///")).parent
    named = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", database]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "1"}
    login = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "key", "MLFLOW_AUTH_ADMIN_PASSWORD": "a-test-secret"}
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "mlflow", "server", *named, *words]
        variables = {**os.environ, **quiet, **login}
        server = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE
        while not answers(f"http://127.0.0.1:{port}{health}"):
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, (folder / "server.log").read_text()
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=1).ok
    return False


def publish(uri: str, outputs: Path) -> tuple[list[str], str, set[str]]:
    """Publish a finished run with a large log; what is said, and the status and files that the server shows."""
    process = run(outputs, uri, epochs=3)
    (process.path / "train.log").write_text("x" * (2 << 20))
    process.finish()
    lines = Publisher(Store(uri), outputs).publish().lines()
    (shown,) = Store(uri).search("")
    found = {name for name in ("config.yaml", "history.jsonl") if Store(uri).file(shown.run_id, name)}
    assert shown.metrics["train/loss"] == 1 / 3
    return lines, shown.status, found


FILES = {"config.yaml", "history.jsonl"}


def test_server_that_asks_for_a_password_gets_it_from_the_address(store_uri: str, outputs: Path) -> None:
    with served(store_uri, "--app-name", "basic-auth") as port:
        assert publish(f"http://admin:a-test-secret@127.0.0.1:{port}", outputs) == ([], "FINISHED", FILES)
        assert list(unpublished(outputs)) == []
        with pytest.raises(TrackerError, match="401"):
            Store(f"http://127.0.0.1:{port}").experiments()


def test_server_below_a_prefix_shows_all(store_uri: str, outputs: Path) -> None:
    with served(store_uri, "--static-prefix", "/below", health="/below/health") as port:
        assert publish(f"http://127.0.0.1:{port}/below", outputs) == ([], "FINISHED", FILES)


def test_files_for_an_object_store_that_this_machine_cannot_reach_cost_a_line(store_uri: str, outputs: Path) -> None:
    with served(store_uri, "--default-artifact-root", "s3://nobody/x", "--no-serve-artifacts") as port:
        (line,), status, files = publish(f"http://127.0.0.1:{port}", outputs)
        assert (status, files) == ("FINISHED", set())
        assert "s3://nobody/x/1/" in line
        assert len(list(unpublished(outputs))) == 1


class Narrow(Proxy):
    """Lets through what is smaller than 1 MB."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if int(request.headers.get("Content-Length") or 0) > 1 << 20:
            request.send_error(413)
        else:
            super().answer(request)


def test_file_too_large_for_a_proxy_costs_a_line_and_no_other_file(store_uri: str, outputs: Path) -> None:
    with served(store_uri) as port, Narrow(port) as proxy:
        (line,), status, files = publish(proxy.uri, outputs)
        assert (status, files) == ("FINISHED", FILES)
        assert "train.log: " in line
        assert "413" in line
        assert len(list(unpublished(outputs))) == 1
