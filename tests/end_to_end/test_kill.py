"""A run that is killed within an epoch, again and again, without a chance to say so."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from experiments.runs.execute import execute
from tests.end_to_end.conftest import PATIENCE, TINY, begin, finish
from tests.runner.composed import composed_config
from tests.runner.stores import make_store

EPOCHS, KILLS = 12, 4
WORDS = [
    *(word for word in TINY if not word.startswith(("data.train_size", "model."))),
    "data.train_size=3004",  # 301 batches an epoch, the last of four images
    "model=cnn_bn",
    "model.channels=[2]",
    "model.dropout=0.3",
    "optimizer=adam",
    "augmentation=articles",
    "augmentation.cutout=2",
    f"trainer.epochs={EPOCHS}",
]
OFTEN = "trainer.checkpoint_minutes=0.0005"

Place = tuple[int, int]


def place_of(checkpoint: Path) -> Place:
    """(epochs, batches of the next) that a checkpoint has behind it."""
    if not checkpoint.exists():
        return 0, 0
    with np.load(checkpoint, allow_pickle=False) as arrays:
        return int(arrays["epoch"]), int(arrays["batches"])


def wait_for_place_within_an_epoch(outputs: Path, after: Place) -> None:
    """Wait until a run has left a checkpoint within an epoch, an epoch and more behind this place."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for checkpoint in outputs.glob("runs/*/checkpoint.npz"):
            place = place_of(checkpoint)
            if place[1] and place >= (after[0] + 1, after[1]):
                return
        time.sleep(0.002)
    raise AssertionError("the run came to no such place")


@pytest.mark.long
def test_run_killed_within_epochs_ends_with_the_same_weights_and_each_step_once(
    tmp_path: Path, elsewhere: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outputs = tmp_path / "outputs"
    make_store(outputs, tmp_path_factory)
    words = [*WORDS, OFTEN, f"outputs_dir={outputs}"]
    place, expected = (0, 0), []
    for _ in range(KILLS):
        process = begin("train", *words, cwd=elsewhere)
        wait_for_place_within_an_epoch(outputs, place)
        process.kill()
        process.communicate(timeout=PATIENCE)
        (folder,) = (outputs / "runs").iterdir()
        place = place_of(folder / "checkpoint.npz")
        expected.append(f"batch {place[1]} of epoch {place[0] + 1}" if place[1] else f"epoch {place[0]}")
    ended = finish("train", *words, cwd=elsewhere)
    assert ended.returncode == 0, ended.stderr

    log = (folder / "train.log").read_text().splitlines()
    assert [line.partition("going on after ")[2] for line in log if "going on after" in line] == expected
    assert len([line for line in expected if line.startswith("batch")]) > KILLS / 2
    undisturbed = execute(composed_config(*WORDS, f"outputs_dir={tmp_path}/undisturbed")).folder
    summary = json.loads((folder / "finished.json").read_text())
    assert summary["weights.sha256"] == json.loads(undisturbed.finished.read_text())["weights.sha256"]
    rows, others = (
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in (folder / "history.jsonl", undisturbed.history)
    )
    for row, other in zip(rows, others, strict=True):
        assert row["weights_sha256"] == other["weights_sha256"]
        assert row["metrics"]["train/loss"] == other["metrics"]["train/loss"]

    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    for key in ("train/loss", "time/epoch_s"):
        shown = client.get_metric_history(run.info.run_id, key)
        assert [(metric.step, metric.timestamp, metric.value) for metric in shown] == [
            (row["epoch"], row["timestamp_ms"], row["metrics"][key]) for row in rows
        ]
