"""`python -m experiments.ui`: everything but the server itself, which `tests.end_to_end` starts."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from experiments import ui
from experiments.interruption import INTERRUPTED
from experiments.store.client import TrackerError
from experiments.store.store import Store

PAGES = {"experiment cnn": "#/experiments/1?workflowType=machine_learning"}


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """The command ends on SIGTERM; the tests' own process must not learn that."""
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, outputs: Path) -> list[str]:
    """The stores that were asked for their pages."""
    asked: list[str] = []
    monkeypatch.setattr(ui, "publish_outbox", lambda *_: None)

    def links(store: Store) -> dict[str, str]:
        asked.append(store.uri)
        return PAGES

    monkeypatch.setattr(ui, "links", links)
    outputs.mkdir()
    make_database(outputs / "mlflow.db")
    return asked


def make_database(path: Path) -> None:
    """What a store is known by: some of MLflow's tables."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE experiments (id); CREATE TABLE runs (id); CREATE TABLE tags (id);")


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody else has taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def server(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Start this Python code in the place of MLflow."""
    monkeypatch.setattr(ui, "_command", lambda *_: [sys.executable, "-c", code])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_taken_port_is_refused_in_a_line(port: int, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ui.main(["--port", str(port), "--outputs-dir", str(outputs)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"--port {port}: ")
    assert err.endswith(f"choose another, e.g. --port {port + 1}\n")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_port_is_refused_in_a_line(port: int, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ui.main([f"--port={port}", "--outputs-dir", str(outputs)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_store_that_fails_is_answered_in_a_line(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def down(store: Store) -> dict[str, str]:
        raise TrackerError(f"tracking.uri={store.uri}: is down")

    monkeypatch.setattr(ui, "links", down)
    assert ui.main(["--tracking-uri", "http://127.0.0.1:9", "--outputs-dir", str(outputs)]) == 1
    assert capsys.readouterr().err == "tracking.uri=http://127.0.0.1:9: is down\n"


def test_store_is_the_projects_own_unless_said_otherwise(
    port: int, pages: list[str], outputs: Path, tmp_path: Path
) -> None:
    make_database(tmp_path / "x.db")
    ui.main(["--port", str(port), "--outputs-dir", str(outputs)])
    ui.main(["--port", str(port), "--tracking-uri", f"sqlite:///{tmp_path}/x.db"])
    assert pages == [f"sqlite:///{outputs}/mlflow.db", f"sqlite:///{tmp_path}/x.db"]


def test_outbox_is_published_before_anything_is_shown(
    pages: list[str], port: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path, list[str]]] = []
    monkeypatch.setattr(ui, "publish_outbox", lambda uri, folder: asked.append((uri, folder, list(pages))))
    ui.main(["--port", str(port), "--outputs-dir", str(outputs)])
    assert asked == [(f"sqlite:///{outputs}/mlflow.db", outputs, [])]


def test_missing_store_is_not_made(tmp_path: Path, pages: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ui.main(["--outputs-dir", str(tmp_path / "typo")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"sqlite:///{tmp_path}/typo/mlflow.db: there is no store yet; python -m experiments.train makes one\n"
    assert not (tmp_path / "typo").exists()
    assert pages == []


def test_links_of_a_server_that_runs_already_are_printed_without_its_password(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ui.main(["--tracking-uri", "http://user:secret@host:5000/", "--outputs-dir", str(outputs)]) == 0
    out = capsys.readouterr().out
    assert "http://host:5000/#/experiments/1?workflowType=machine_learning" in out
    assert "secret" not in out


def test_name_of_an_experiment_does_nothing_to_the_terminal(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ui, "links", lambda _: {"experiment \x1b]0;owned\x07\nrun": "#/experiments/1"})
    assert ui.main(["--tracking-uri", "http://host:5000", "--outputs-dir", str(outputs)]) == 0
    out = capsys.readouterr().out
    assert out == "experiment \\x1b]0;owned\\x07\\nrun\n  http://host:5000/#/experiments/1\n"


def test_server_that_ends_is_reported_with_its_log(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server(monkeypatch, "import sys; print('my reasons'); sys.exit(3)")
    assert ui.main(["--port", str(free_port()), "--outputs-dir", str(outputs)]) == 1
    message, _, log = capsys.readouterr().err.rstrip("\n").partition("; see ")
    assert message == "MLflow's server ended with exit code 3"
    assert Path(log).read_text() == "my reasons\n"


def test_server_that_never_answers_is_ended(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server(monkeypatch, "import signal; signal.pause()")
    monkeypatch.setattr(ui, "_PATIENCE", 0.5)
    assert ui.main(["--port", str(free_port()), "--outputs-dir", str(outputs)]) == 1
    assert "did not answer at http://127.0.0.1:" in capsys.readouterr().err


def test_own_server_is_not_asked_through_a_proxy(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    port = free_port()
    answering = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Handler).handle_request()
"""
    server(monkeypatch, answering)
    monkeypatch.setattr(ui, "_PATIENCE", 60.0)
    assert ui.main(["--port", str(port), "--outputs-dir", str(outputs)]) == 1  # it answers once, and ends
    out, err = capsys.readouterr()
    assert out == f"experiment cnn\n  http://127.0.0.1:{port}/{PAGES['experiment cnn']}\n"
    assert "MLflow's server ended with exit code 0" in err


def listens(host: str) -> dict[str, str]:
    """How the server is told to listen: its options by name."""
    command = list(ui._command(host, 5001))
    options = command[command.index("server") + 1 :]
    return dict(zip(options[::2], options[1::2], strict=True))


def test_server_listens_on_this_machine_only_unless_told_otherwise() -> None:
    assert listens("127.0.0.1") == {
        "--host": "127.0.0.1",
        "--port": "5001",
        "--workers": "1",
        "--allowed-hosts": "localhost:*,127.0.0.1:*,127.0.0.1:*",
    }
    assert listens("192.0.2.1")["--host"] == "192.0.2.1"
    assert "192.0.2.1:*" in listens("192.0.2.1")["--allowed-hosts"].split(",")
    assert f"{socket.gethostname()}:*" in listens("0.0.0.0")["--allowed-hosts"].split(",")


def test_password_of_the_store_is_not_on_the_command_line() -> None:
    assert "--backend-store-uri" not in listens("127.0.0.1")
    assert ui._environment("postgresql://u:secret@db/x")["MLFLOW_BACKEND_STORE_URI"] == "postgresql://u:secret@db/x"


@pytest.mark.parametrize(
    "variable",
    [
        "MLFLOW_HOST",
        "MLFLOW_PORT",
        "MLFLOW_UVICORN_OPTS",
        "MLFLOW_GUNICORN_OPTS",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
        "MLFLOW_SERVER_ALLOWED_HOSTS",
        "UVICORN_FD",
        "GUNICORN_CMD_ARGS",
    ],
)
def test_surroundings_do_not_say_how_the_server_listens(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "0.0.0.0")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "https://files.example")
    variables = ui._environment("sqlite:////x.db")
    assert variable not in variables
    assert variables["MLFLOW_S3_ENDPOINT_URL"] == "https://files.example"
    assert variables["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", 0), ("localhost", 0), ("127.1.2.3", 0), ("0.0.0.0", 1)])
def test_warned_is_who_lets_others_in(
    host: str, warned: int, outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server(monkeypatch, "pass")
    ui.main(["--host", host, "--port", str(free_port()), "--outputs-dir", str(outputs)])
    err = capsys.readouterr().err
    assert (
        err.count(f"--host {host}: whoever reaches this machine there can read, change and delete all runs\n") == warned
    )
    assert len(err.splitlines()) == warned + 1


def test_host_that_is_not_this_machine_is_refused_in_a_line(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("192.0.2.1", "no such name"):
        assert ui.main(["--host", host, "--port", str(free_port()), "--outputs-dir", str(outputs)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--tracking-uri", "sqlite:////no/x.db?password=secret"], ["http://user:secret@host/"]]
)
def test_passwords_that_were_typed_are_not_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        ui.main(words)
    out, err = capsys.readouterr()
    assert "secret" not in out + err
    assert err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        ui.main(["--help"])
    assert end.value.code == 0
    assert "example: python -m experiments.ui " in capsys.readouterr().out


def test_server_is_gone_though_it_will_not_end_and_the_command_is_interrupted_again(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[subprocess.Popen[bytes]] = []
    kill = os.killpg

    def interrupted_while_waiting(_address: str, process: subprocess.Popen[bytes], log: Path) -> None:
        servers.append(process)
        while not log.read_text():  # it has not heard yet that it is not to listen
            assert process.poll() is None
        raise KeyboardInterrupt

    def interrupted_again(group: int, number: int) -> None:
        signal.raise_signal(signal.SIGTERM)
        kill(group, number)

    server(monkeypatch, "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()")
    monkeypatch.setattr(ui, "_await", interrupted_while_waiting)
    monkeypatch.setattr(ui, "_END_PATIENCE", 0.1)
    monkeypatch.setattr(os, "killpg", interrupted_again)
    assert ui.main(["--port", str(free_port()), "--outputs-dir", str(outputs)]) == INTERRUPTED
    assert [process.poll() for process in servers] == [-signal.SIGKILL]
