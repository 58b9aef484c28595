"""Commands whose terminal is closed: what was under way is closed in order, or goes on where `nohup` said so."""

import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PATIENCE, TINY, finish
from tests.end_to_end.sweeps import begun, children, family, statuses, tracked_runs, wait_for, words, workers
from tests.end_to_end.terminals import on_a_terminal
from tests.runner.stores import make_store

EPOCHS = 400  # more than come about before the terminal is closed


@pytest.fixture
def outputs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make_store(tmp_path / "outputs", tmp_path_factory)
    return tmp_path / "outputs"


def run_words(outputs: Path, epochs: int = EPOCHS) -> list[str]:
    return ["train", *TINY, f"trainer.epochs={epochs}", f"outputs_dir={outputs}"]


def only_status(outputs: Path) -> tuple[str, str]:
    (run,) = tracked_runs(outputs)
    return run.info.status, run.data.tags["outcome"]


def log(outputs: Path) -> str:
    (path,) = (outputs / "runs").glob("*/train.log")
    return path.read_text()


def test_run_is_closed_in_order_when_its_terminal_is_closed(outputs: Path, elsewhere: Path) -> None:
    with on_a_terminal(*run_words(outputs), cwd=elsewhere) as terminal:
        wait_for(lambda: begun(outputs))
        terminal.close()
        terminal.process.send_signal(signal.SIGHUP)  # the shell says so as well
        assert terminal.process.wait(PATIENCE) == 130
    assert only_status(outputs) == ("KILLED", "interrupted")
    assert "WARNING interrupted; the same command" in log(outputs)


@pytest.mark.long
def test_run_goes_on_without_its_terminal_where_nohup_said_so(outputs: Path, elsewhere: Path) -> None:
    with on_a_terminal(*run_words(outputs, epochs=60), cwd=elsewhere, nohup=True) as terminal:
        wait_for(lambda: begun(outputs))
        terminal.close()
        assert terminal.process.wait(PATIENCE) == 0
    assert only_status(outputs) == ("FINISHED", "completed")
    assert "epoch 60/60" in log(outputs)


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["launcher=serial", "launcher=joblib"])
def test_sweep_is_closed_in_order_and_goes_on(launcher: str, outputs: Path, elsewhere: Path) -> None:
    with on_a_terminal(*words(outputs, launcher), cwd=elsewhere) as terminal:
        wait_for(lambda: len(begun(outputs)) >= 2)
        at_work = workers(terminal.process.pid)
        terminal.close()
        os.killpg(terminal.process.pid, signal.SIGHUP)
        assert terminal.process.wait(PATIENCE) == 130
        wait_for(lambda: not family(terminal.process.pid))
    assert not at_work or launcher == "launcher=joblib"
    parent, runs = statuses(outputs)
    assert parent == "KILLED"
    assert "KILLED" in runs.values()
    assert set(runs.values()) <= {"FINISHED", "KILLED"}
    for path in (outputs / "runs").glob("*/failure.txt"):
        pytest.fail(path.read_text())

    again = finish(*words(outputs, launcher), cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert set(statuses(outputs)[1].values()) == {"FINISHED"}


@pytest.mark.long
def test_server_of_the_ui_ends_with_its_terminal(outputs: Path, elsewhere: Path) -> None:
    with on_a_terminal("ui", "--port", "5093", "--outputs-dir", str(outputs), cwd=elsewhere) as terminal:
        wait_for(lambda: b"Ctrl-C ends the server" in terminal.shown)
        (server,) = children(terminal.process.pid)
        terminal.close()
        assert terminal.process.wait(PATIENCE) == 0
        wait_for(lambda: not family(server))
