"""What may be deleted of a run: nothing but its configuration, history and marker ever causes another training."""

import logging
from pathlib import Path

import numpy as np
import pytest

from experiments.config.schema import Config
from experiments.digest import json_digest
from experiments.files import read_json, write_json
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.training.build import build_model
from experiments.training.checkpoint import load_weights, save_weights
from tests.runner.configs import small_config
from tests.runner.runs.folders import Stop, digest_of, epochs_trained, folder_of, interrupted

KEPT = {"finished.json", "history.jsonl", "config.yaml"}


def test_everything_else_of_a_finished_run_may_be_deleted(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs, trainer__keep_checkpoint=True)
    folder = execute(config).folder
    names = {path.name for path in folder.path.iterdir() if path.is_file()} - KEPT
    assert names > {"checkpoint.npz", "weights.npz", "environment.json", "source.json", "train.log", "targets.json"}
    monkeypatch.setattr("experiments.runs.attempt.build_dataset", lambda *_: pytest.fail("trained"))
    for name in sorted(names):
        (folder.path / name).unlink()
        assert execute(config).was_finished, name


@pytest.mark.parametrize("name", ["weights.npz", "environment.json"])
def test_what_may_be_deleted_may_change(name: str, outputs: Path) -> None:
    config = small_config(outputs)
    (execute(config).folder.path / name).write_bytes(b"something else")
    assert execute(config).was_finished


def test_altered_weights_are_reported_by_whoever_reads_them(outputs: Path) -> None:
    config = small_config(outputs)
    folder = execute(config).folder
    model = build_model(config)
    model.parameters()[0].value[0] = 7
    save_weights(folder.weights, model)
    assert execute(config).was_finished
    with pytest.raises(ValueError, match=r"weights\.npz has other weights than the run finished with"):
        load_weights(folder.weights, model, digest=digest_of(config))


def test_finished_run_keeps_its_weights_and_no_checkpoint_unless_asked_to(outputs: Path) -> None:
    folder = execute(small_config(outputs)).folder
    assert (folder.weights.exists(), folder.checkpoint.exists()) == (True, False)
    folder = execute(small_config(outputs / "asked", trainer__keep_checkpoint=True)).folder
    assert (folder.weights.exists(), folder.checkpoint.exists()) == (True, True)


def test_run_that_diverged_has_the_weights_that_its_marker_names(outputs: Path) -> None:
    config = small_config(outputs, optimizer__lr=1e30, optimizer__momentum=0.0)
    assert execute(config).outcome == "diverged"
    with np.errstate(invalid="ignore"):
        load_weights(folder_of(config).weights, build_model(config), digest=digest_of(config))


def test_run_of_an_earlier_version_may_lose_what_that_vouched_for(outputs: Path) -> None:
    config = small_config(outputs, trainer__keep_checkpoint=True)
    folder = execute(config).folder
    marker = read_json(folder.finished)
    assert marker is not None
    del marker["sha256"]
    marker["files.sha256"] |= {"checkpoint.npz": "0" * 64, "environment.json": "0" * 64}
    write_json(folder.finished, {**marker, "sha256": json_digest(marker)})
    folder.weights.unlink()
    assert execute(config).was_finished
    folder.checkpoint.unlink()
    folder.environment.unlink()
    assert execute(config).was_finished


def test_checkpoint_of_an_earlier_version_stays(outputs: Path) -> None:
    folder = execute(small_config(outputs, trainer__keep_checkpoint=True)).folder
    folder.weights.unlink()  # there were none: the checkpoint has the only ones
    assert execute(small_config(outputs)).was_finished
    assert folder.checkpoint.exists()


# Killed at the end: what lies in the folder then


def test_run_killed_before_its_marker_trains_no_epoch_again(outputs: Path) -> None:
    config = small_config(outputs, trainer__keep_checkpoint=True)
    folder = execute(config).folder
    digest = digest_of(config)
    folder.finished.unlink()  # weights, checkpoint and history are there
    assert not execute(small_config(outputs)).was_finished
    assert epochs_trained(config) == 2
    assert digest_of(config) == digest
    assert not folder.checkpoint.exists()


def test_run_killed_before_its_checkpoint_was_removed_is_finished(outputs: Path) -> None:
    execute(small_config(outputs, trainer__keep_checkpoint=True))
    assert execute(small_config(outputs)).was_finished


# What is not finished


def gone(config: Config) -> str:
    said = "1 epoch is recorded, but checkpoint.npz is missing; it trains again from the start"
    return f"run {folder_of(config).identity}: {said}"


def test_interrupted_run_without_its_checkpoint_says_so_and_trains_again(
    outputs: Path, stop_after: Stop, caplog: pytest.LogCaptureFixture
) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    folder_of(config).checkpoint.unlink()
    caplog.clear()
    execute(config)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [gone(config)]
    assert epochs_trained(config) == 3
    execute(small_config(outputs / "undisturbed"))
    assert digest_of(config) == digest_of(small_config(outputs / "undisturbed"))


def test_new_run_lacks_no_checkpoint(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    execute(small_config(outputs))
    assert "checkpoint" not in caplog.text


def test_environment_of_epochs_that_are_trained_again_is_the_one_they_are_trained_in(
    outputs: Path, stop_after: Stop
) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    folder = folder_of(config)
    write_json(folder.environment, {**environment_of(folder), "numpy": "1.0"})
    folder.checkpoint.unlink()
    execute(config)
    assert environment_of(folder)["numpy"] == np.__version__
    assert not [key for key in environment_of(folder) if key.startswith("until")]


def environment_of(folder: RunFolder) -> dict[str, object]:
    return read_json(folder.environment) or {}
