"""Things in a run's folder that no run has left there: replaced or refused in a line, and never waited for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.runs.execute import execute
from tests.runner.configs import small_config
from tests.runner.conftest import Command
from tests.runner.runs.folders import digest_of


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.fixture
def folder(train_command: Command, words: list[str], outputs: Path) -> Path:
    """Of a finished run."""
    assert train_command(*words).code == 0
    (made,) = (outputs / "runs").iterdir()
    return made


@pytest.mark.parametrize("instead", [os.mkfifo, endless])
@pytest.mark.parametrize(
    "name",
    ["config.yaml", "environment.json", "checkpoint.npz", "weights.npz", "finished.json", "failure.txt", "source.json"],
)
def test_what_a_run_writes_itself_is_replaced(
    name: str, instead: Callable[[Path], None], folder: Path, train_command: Command, words: list[str]
) -> None:
    (folder / "finished.json").unlink()
    (folder / name).unlink(missing_ok=True)
    instead(folder / name)
    answer = train_command(*words)
    assert answer.code == 0, answer.err
    assert (folder / "finished.json").is_file()
    assert (folder / name).is_file() == (name not in ("failure.txt", "checkpoint.npz"))
    assert not (folder / name).is_symlink()


@pytest.mark.parametrize("instead", [os.mkfifo, endless])
def test_history_of_a_finished_run_is_replaced(
    instead: Callable[[Path], None], folder: Path, train_command: Command, words: list[str]
) -> None:
    (folder / "history.jsonl").unlink()
    instead(folder / "history.jsonl")
    answer = train_command(*words)
    assert answer.code == 0, answer.err
    assert len((folder / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("instead", [os.mkfifo, endless, Path.mkdir])
@pytest.mark.parametrize(("name", "finished"), [("history.jsonl", False), ("train.log", False), ("train.log", True)])
def test_what_a_run_appends_to_is_named_in_a_line(
    name: str,
    finished: bool,
    instead: Callable[[Path], None],
    folder: Path,
    train_command: Command,
    words: list[str],
) -> None:
    (folder / name).unlink()
    instead(folder / name)
    if not finished:
        (folder / "finished.json").unlink()
    answer = train_command(*words)
    (line,) = answer.err.splitlines()
    assert answer.code == 1
    assert line.startswith(f"{folder / name}: ")


@pytest.mark.parametrize("content", ['{"outcome": "completed", "final": {}}', '{"files.sha256": [1]}', "[]"])
def test_marker_of_a_stranger_counts_as_none(content: str, outputs: Path) -> None:
    config = small_config(outputs)
    before = execute(config)
    digest = digest_of(config)
    before.folder.finished.write_text(content)
    assert not execute(config).was_finished
    assert digest_of(config) == digest
