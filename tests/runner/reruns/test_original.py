"""What a record says of the code, and when it says too little."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import UserError
from experiments.reruns.original import Original, RecordedSource, find_original
from experiments.runs.folder import RunFolder
from experiments.store.store import Store
from tests.runner.markers import marker
from tests.runner.shown import show

PATCH, COMMIT = b"diff", "c" * 40
DIGEST = sha256(PATCH).hexdigest()
ROW = {"epoch": 1, "metrics": {"train/loss": 0.5}, "timestamp_ms": 0, "weights_sha256": "a" * 64}


@pytest.fixture
def folder(outputs: Path) -> RunFolder:
    """An interrupted run of one epoch."""
    made = RunFolder(outputs, "0123456789ab")
    made.path.mkdir(parents=True)
    made.config.write_text("seed: 0\n")
    made.environment.write_text('{"code": {"sha256": "d"}}')
    made.history.write_text(json.dumps(ROW) + "\n")
    return made


def found(folder: RunFolder, word: str = "0123") -> Original:
    return find_original(folder.outputs_dir, Store("sqlite:////proc/nowhere/mlflow.db"), word)


def test_run_is_known_by_its_identity_and_by_what_shows_it(folder: RunFolder) -> None:
    assert (found(folder).word, found(folder).mlflow_id) == ("0123456789ab", None)
    show(folder.path, "e" * 32)
    show(folder.path, "f" * 32)
    assert found(folder).mlflow_id == "f" * 32
    assert (found(folder, "ee").word, found(folder, "ee").mlflow_id) == ("0123456789ab", "e" * 32)


def test_record_is_where_it_is(folder: RunFolder) -> None:
    original = found(folder)
    assert original.place == str(folder.path)
    assert original.config == b"seed: 0\n"
    assert original.code == "d"


@pytest.mark.parametrize(("outcome", "ended"), [("completed", True), ("diverged", True), (None, False)])
def test_run_has_ended_where_its_marker_says_so(outcome: str | None, ended: bool, folder: RunFolder) -> None:
    if outcome is not None:
        folder.finished.write_text(json.dumps(marker(outcome)))
    assert found(folder).ended is ended


@pytest.mark.parametrize(
    ("content", "source"),
    [
        (None, RecordedSource(None, dirty=False, patch=None)),
        ("{", RecordedSource(None, dirty=False, patch=None)),
        ("[]", RecordedSource(None, dirty=False, patch=None)),
        ("[" * 100_000, RecordedSource(None, dirty=False, patch=None)),
        ({"commit": COMMIT, "dirty": False}, RecordedSource(COMMIT, dirty=False, patch=None)),
        ({"commit": COMMIT, "dirty": True, "patch.sha256": DIGEST}, RecordedSource(COMMIT, dirty=True, patch=PATCH)),
        ({"commit": COMMIT, "dirty": True, "patch.sha256": "0"}, RecordedSource(COMMIT, dirty=True, patch=None)),
        ({"commit": COMMIT, "dirty": True}, RecordedSource(COMMIT, dirty=True, patch=None)),
        ({"commit": "--upload-pack=touch", "dirty": False}, RecordedSource(None, dirty=False, patch=None)),
        ({"commit": "HEAD", "dirty": False}, RecordedSource(None, dirty=False, patch=None)),
        ({"commit": 7, "dirty": "yes"}, RecordedSource(None, dirty=False, patch=None)),
    ],
)
def test_source_is_taken_for_what_it_is(content: Any, source: RecordedSource, folder: RunFolder) -> None:
    folder.patch.write_bytes(PATCH)
    if content is not None:
        folder.source.write_text(content if isinstance(content, str) else json.dumps(content))
    assert found(folder).source == source


@pytest.mark.parametrize("metrics", [{}, {"time/epoch_s": 1.0, "time/images_per_s": 1.0}])
def test_epoch_without_a_metric_to_compare_is_refused(metrics: dict[str, float], folder: RunFolder) -> None:
    folder.history.write_text(json.dumps({**ROW, "metrics": metrics}) + "\n")
    with pytest.raises(UserError, match=r"is damaged, no metric of epoch 1 is recorded$"):
        found(folder)


def test_run_that_diverged_before_its_first_epoch_can_be_run_again(folder: RunFolder) -> None:
    folder.history.unlink()
    with pytest.raises(UserError, match="no epoch is recorded"):
        found(folder)
    folder.finished.write_text(json.dumps({"outcome": "diverged", "final": {}}))
    assert found(folder).ended
