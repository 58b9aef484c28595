"""A run's folder: its paths, its marker, and its lock."""

import json
import math
from pathlib import Path
from typing import Any

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


def test_clearing_sets_results_aside_and_keeps_the_log_and_where_it_is_shown(tmp_path: Path) -> None:
    own = folder(tmp_path)
    own.path.mkdir(parents=True)
    pictures = (own.learning_curve, own.augmentation)
    shown = (own.path / "targets.json", own.path / "published.json")
    results = (own.finished, own.history, own.checkpoint, own.weights)
    for path in (*results, own.status, own.failure, *pictures, own.log, *shown):
        path.write_text("old")
    own.clear()
    assert {path.name for path in own.path.iterdir()} == {"train.log", "targets.json", "published.json", "former"}
    assert {path.name for path in own.former.iterdir()} == {path.name for path in results}


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
        '{"outcome": "completed", "final": {}}',
    ],
)
def test_marker_that_does_not_say_what_came_of_the_run_is_none(content: str, tmp_path: Path) -> None:
    assert with_marker(tmp_path, content).summary() is None


def with_marker(outputs: Path, content: str) -> RunFolder:
    own = folder(outputs)
    own.path.mkdir(parents=True)
    own.finished.write_text(content)
    return own


# As a version without seals has written it
EARLIER: dict[str, Any] = {
    "identity": "0123456789ab",
    "outcome": "completed",
    "stopped_early": None,
    "final": {"train/loss": 1.5, "test/accuracy": 0.25, "best/test_accuracy": 0.5, "best/epoch": 2},
    "weights.sha256": "a" * 64,
    "data.sha256": "b" * 64,
    "model.parameters": 199,
    "model.multiply_adds": 816,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"outcome": "diverged"},
        {"outcome": "diverged", "final": {}},
        {"stopped_early": "after epoch 3 of 9: the loss has not fallen"},
        {"something": "of a later version"},
    ],
    ids=repr,
)
def test_marker_of_an_earlier_version_is_believed(changes: dict[str, Any], tmp_path: Path) -> None:
    marker = EARLIER | changes
    own = with_marker(tmp_path, json.dumps(marker))
    assert own.summary() == marker
    assert own.changed(marker) == []


@pytest.mark.parametrize("key", [key for key in EARLIER if key != "identity"])
def test_marker_that_lacks_what_is_read_of_it_is_none(key: str, tmp_path: Path) -> None:
    marker = {name: value for name, value in EARLIER.items() if name != key}
    assert with_marker(tmp_path, json.dumps(marker)).summary() is None


WRONG: dict[str, list[Any]] = {
    "outcome": [None, "", "paused", "failed", 3, True, ["completed"], {}],
    "stopped_early": [0, False, ["after epoch 1"], {}],
    "final": [None, "", 0.5, [], [0.5]],
    "weights.sha256": [None, 7, ["a"]],
    "data.sha256": [None, 7, ["b"]],
    "model.parameters": [None, "7", 7.0, True],
    "model.multiply_adds": [None, "7", 7.0, True],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_marker_with_something_of_another_kind_is_none(key: str, value: Any, tmp_path: Path) -> None:
    assert with_marker(tmp_path, json.dumps({**EARLIER, key: value})).summary() is None


@pytest.mark.parametrize("key", ["test/accuracy", "best/test_accuracy", "best/epoch"])
@pytest.mark.parametrize("value", ["missing", None, "0.5", True, math.nan, math.inf], ids=repr)
def test_marker_without_the_accuracies_is_none(key: str, value: Any, tmp_path: Path) -> None:
    final = {name: known for name, known in EARLIER["final"].items() if name != key}
    if value != "missing":
        final[key] = value
    assert with_marker(tmp_path, json.dumps({**EARLIER, "final": final})).summary() is None


def test_run_that_completed_has_metrics(tmp_path: Path) -> None:
    assert with_marker(tmp_path, json.dumps({**EARLIER, "final": {}})).summary() is None
