"""`python -m experiments.ui`: everything but the server itself, which `tests.end_to_end` starts."""

import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import ui
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.store import Store

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
    monkeypatch.setattr(ui, "settle_pending", lambda *_: None)

    def links(store: Store) -> dict[str, str]:
        asked.append(store.uri)
        return PAGES

    monkeypatch.setattr(ui, "links", links)
    outputs.mkdir()
    (outputs / "mlflow.db").touch()
    return asked


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
    (tmp_path / "x.db").touch()
    ui.main(["--port", str(port), "--outputs-dir", str(outputs)])
    ui.main(["--port", str(port), "--tracking-uri", f"sqlite:///{tmp_path}/x.db"])
    assert pages == [f"sqlite:///{outputs}/mlflow.db", f"sqlite:///{tmp_path}/x.db"]


def test_runs_without_a_process_are_closed_before_anything_is_shown(
    pages: list[str], port: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path, list[str]]] = []
    monkeypatch.setattr(ui, "settle_pending", lambda uri, folder: asked.append((uri, folder, list(pages))))
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


def test_server_listens_on_this_machine_only() -> None:
    command = list(ui._command("sqlite:////x.db", 5001))
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5001"
    assert command[command.index("--backend-store-uri") + 1] == "sqlite:////x.db"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        ui.main(["--help"])
    assert end.value.code == 0
    assert "example: python -m experiments.ui " in capsys.readouterr().out
