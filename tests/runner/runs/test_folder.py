"""A run's folder: its paths, its marker, and its lock."""

from pathlib import Path

import pytest

from experiments.runs.folder import RunFolder


def folder(outputs: Path) -> RunFolder:
    return RunFolder(outputs, "0123456789ab")


def test_folder_is_named_by_the_identity(tmp_path: Path) -> None:
    assert folder(tmp_path).path == tmp_path / "runs" / "0123456789ab"


def test_promised_files_lie_in_the_folder(tmp_path: Path) -> None:
    own = folder(tmp_path)
    names = [path.name for path in (own.config, own.history, own.checkpoint, own.log)]
    assert names == ["config.yaml", "history.jsonl", "checkpoint.npz", "train.log"]
    assert {path.parent for path in (own.config, own.history, own.checkpoint, own.log, own.finished)} == {own.path}


def test_run_without_a_marker_is_not_finished(tmp_path: Path) -> None:
    assert folder(tmp_path).summary() is None


@pytest.mark.parametrize("content", ["", '{"outcome": "comp', "[]", "null"])
def test_run_with_a_damaged_marker_is_not_finished(content: str, tmp_path: Path) -> None:
    own = folder(tmp_path)
    own.path.mkdir(parents=True)
    own.finished.write_text(content)
    assert own.summary() is None


def test_clearing_sets_results_aside_and_keeps_the_log_and_the_book(tmp_path: Path) -> None:
    own = folder(tmp_path)
    own.path.mkdir(parents=True)
    pictures = (own.learning_curve, own.augmentation)
    for path in (own.finished, own.history, own.checkpoint, own.tracked, own.failure, *pictures, own.log):
        path.write_text("old")
    own.clear()
    assert {path.name for path in own.path.iterdir()} == {"train.log", "tracked.json", "former"}
    assert {path.name for path in own.former.iterdir()} == {"finished.json", "history.jsonl", "checkpoint.npz"}


def test_clearing_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    own = folder(tmp_path)
    own.path.mkdir(parents=True)
    own.clear()


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"outcome": "completed"}',
        '{"outcome": "completed", "final": NaN}',
        '{"outcome": "completed", "final": {"test/accuracy": "high"}}',
        '{"outcome": 3, "final": {}}',
    ],
)
def test_marker_that_does_not_say_what_came_of_the_run_is_none(content: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "0123")
    folder.path.mkdir(parents=True)
    folder.finished.write_text(content)
    assert folder.summary() is None
