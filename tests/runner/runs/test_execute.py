"""What a run leaves in its folder, and that what is finished is not repeated."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import yaml

from cnn_core import Summary
from experiments.files import write_json
from experiments.lock import held
from experiments.runs import attempt
from experiments.runs.execute import SweepPart, execute
from experiments.training.build import build_model
from experiments.training.checkpoint import load_weights, weights_digest
from tests.runner.configs import adam, cnn_bn, small_config
from tests.runner.runs.folders import (
    MULTIPLY_ADDS,
    PARAMETERS,
    Stop,
    digest_of,
    epochs_trained,
    folder_of,
    interrupted,
    rows,
    shown_completely,
    without_times,
)

# What a run leaves


def test_folder_holds_the_promised_files(outputs: Path) -> None:
    result = execute(small_config(outputs))
    names = {path.name for path in result.folder.path.iterdir()}
    promised = {"config.yaml", "environment.json", "summary.txt", "history.jsonl", "weights.npz", "train.log"}
    assert names >= promised
    assert not [name for name in names if "draft" in name]


TABLE = f"""\
layer    kind       output  parameters  multiply-adds
conv1    Conv2d     2×6×6           20            648
pool1    MaxPool2d  2×3×3            –              –
relu1    ReLU       2×3×3            –              –
flatten  Flatten    18               –              –
fc1      Linear     8              152            144
relu2    ReLU       8                –              –
fc2      Linear     3               27             24
total                              {PARAMETERS}            {MULTIPLY_ADDS}
"""


def test_network_is_described_layer_by_layer(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = execute(small_config(outputs)).folder
    assert folder.network.read_text() == TABLE
    messages = [record.getMessage() for record in caplog.records]
    (opening,) = (i for i, message in enumerate(messages) if message.endswith(f"; {PARAMETERS} parameters"))
    lines = [f"  {line}" for line in TABLE.splitlines()]
    assert messages[opening + 1 : opening + 1 + len(lines)] == lines
    log = folder.log.read_text()
    assert all(f" INFO {line}\n" in log for line in lines)


def test_network_is_described_once_and_in_a_sweep_in_the_folder_alone(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs / "stopped")
    interrupted(config, stop_after, 1)
    execute(config)
    assert folder_of(config).log.read_text().count("multiply-adds") == 1
    part = SweepPart("5eeb", "optimizer.lr=0.1")
    folder = execute(small_config(outputs / "sweep"), name="lr=0.1", part=part).folder
    assert "multiply-adds" not in folder.log.read_text()
    assert folder.network.read_text() == TABLE


def test_describing_the_network_changes_nothing_of_the_run(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"model": cnn_bn(), "optimizer": adam()}
    described = small_config(outputs / "described", **changes)
    execute(described)
    undescribed = small_config(outputs / "undescribed", **changes)
    monkeypatch.setattr(attempt, "summary", lambda *_: Summary(()))
    execute(undescribed)
    assert digest_of(described) == digest_of(undescribed)


def test_everything_stands_before_the_marker_is_written(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []

    def spy(path: Path, content: dict[str, Any]) -> None:
        seen.append({file.name for file in path.parent.iterdir()})
        write_json(path, content)

    monkeypatch.setattr("experiments.runs.folder.write_json", spy)
    result = execute(small_config(outputs))
    (names,) = seen
    assert names - {"checkpoint.npz"} | {"finished.json"} == {file.name for file in result.folder.path.iterdir()}


def test_environment_is_recorded_also_of_a_run_that_fails(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: 1 / 0)
    config = small_config(outputs, trainer__threads=2)
    with pytest.raises(ZeroDivisionError):
        execute(config)
    assert json.loads(folder_of(config).environment.read_text())["threads"] == 2


def test_recorded_configuration_is_the_resolved_one(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    assert yaml.safe_load(folder_of(config).config.read_text()) == asdict(config)


def test_history_has_an_object_an_epoch(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    assert [row["epoch"] for row in rows(config)] == [1, 2]
    assert all(set(row) >= {"epoch", "metrics"} for row in rows(config))
    assert set(rows(config)[0]["metrics"]) == {
        "train/loss",
        "train/lr",
        "train/accuracy",
        "test/loss",
        "test/accuracy",
        "time/epoch_s",
        "time/images_per_s",
    }


def test_validation_split_is_measured_too(outputs: Path) -> None:
    config = small_config(outputs, data__validation_fraction=0.25)
    execute(config)
    assert {"val/loss", "val/accuracy"} <= set(rows(config)[0]["metrics"])


def test_digest_is_of_the_final_weights(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    model = build_model(config)
    with np.load(folder_of(config).weights) as arrays:
        assert set(arrays.files) == set(model.state_dict())
    load_weights(folder_of(config).weights, model, digest=digest_of(config))
    assert weights_digest(model) == digest_of(config) == rows(config)[-1]["weights_sha256"]


def test_result_says_how_accurate_it_is(outputs: Path) -> None:
    config = small_config(outputs, trainer__epochs=3)
    result = execute(config)
    last = rows(config)[-1]["metrics"]
    accuracies = [row["metrics"]["test/accuracy"] for row in rows(config)]
    assert result.outcome == "completed"
    assert result.final["test/accuracy"] == last["test/accuracy"]
    assert result.final["best/test_accuracy"] == max(accuracies)
    assert result.final["best/epoch"] == accuracies.index(max(accuracies)) + 1


def test_log_has_a_line_an_epoch_with_its_time(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    lines = [line for line in folder_of(config).log.read_text().splitlines() if " epoch " in line]
    assert len(lines) == 2
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO epoch \d/2 ", line) for line in lines)


def test_what_a_killed_process_had_not_finished_writing_is_removed(outputs: Path) -> None:
    config = small_config(outputs)
    draft = folder_of(config).path / f"checkpoint.npz.{uuid4().hex}.draft"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"PK")
    execute(config)
    assert not draft.exists()


def test_same_run_elsewhere_is_the_same_to_the_bit(outputs: Path) -> None:
    one = small_config(outputs / "one")
    other = small_config(outputs / "other", trainer__threads=2)
    execute(one)
    execute(other)
    assert digest_of(one) == digest_of(other)
    assert without_times(one) == without_times(other)


def test_other_seed_is_another_result(outputs: Path) -> None:
    one, other = small_config(outputs), small_config(outputs, seed=1)
    execute(one)
    execute(other)
    assert digest_of(one) != digest_of(other)


# What is finished is not repeated


def test_finished_run_is_skipped_and_says_so(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "experiments")
    config = small_config(outputs)
    first = execute(config)
    kept = (folder_of(config).history, folder_of(config).log)
    before = [path.read_bytes() for path in kept]
    again = execute(config)
    assert again == first
    assert epochs_trained(config) == 2
    assert [path.read_bytes() for path in kept] == before
    assert f"run {first.folder.identity} is already finished; force=true repeats it" in caplog.text


def test_finished_run_reads_no_data(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs)
    execute(config)
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: pytest.fail("data were read"))
    execute(config)
    assert epochs_trained(config) == 2


def test_force_repeats_a_finished_run(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    before = digest_of(config)
    shown_completely(config)
    execute(small_config(outputs, force=True))
    assert epochs_trained(config) == 4
    assert digest_of(config) == before
    assert len(rows(config)) == 2


def test_result_that_is_being_repeated_is_kept_until_there_is_the_new_one(
    outputs: Path, stop_after: Stop, caplog: pytest.LogCaptureFixture
) -> None:
    config, forced = small_config(outputs), small_config(outputs, force=True)
    execute(config)
    shown_completely(config)
    folder = folder_of(config)
    names = ("finished.json", "history.jsonl", "weights.npz")
    before = {name: (folder.path / name).read_bytes() for name in names}
    for epochs in (1, 0):  # the second begins where nothing is finished
        interrupted(forced, stop_after, epochs)
        shown_completely(config)
        assert {path.name: path.read_bytes() for path in folder.former.iterdir()} == before
    assert "the same command without force=true goes on" in caplog.text
    execute(config)
    assert not folder.former.exists()
    assert digest_of(config) == json.loads(before["finished.json"])["weights.sha256"]


@pytest.mark.parametrize(("keep_checkpoint", "trained"), [(True, 2), (False, 4)])
def test_run_whose_repetition_was_killed_before_it_began_is_finished_by_the_next_command(
    keep_checkpoint: bool, trained: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(outputs, trainer__keep_checkpoint=keep_checkpoint)
    first = execute(config)
    moved: list[str] = []
    replace = Path.replace

    def killed_after_one(path: Path, target: Path) -> Path:
        if moved:
            raise RuntimeError("killed")
        moved.append(path.name)
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed_after_one)
        with pytest.raises(RuntimeError, match="killed"):
            folder_of(config).clear()
    assert moved == ["finished.json"]
    assert execute(config) == first
    assert epochs_trained(config) == trained


def test_key_without_effect_finds_the_same_run(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    execute(small_config(outputs, trainer__threads=2))
    assert epochs_trained(config) == 2
    execute(small_config(outputs, optimizer__lr=0.2))
    assert len(list((outputs / "runs").iterdir())) == 2


class Hearing(logging.Handler):
    """Hears when a message is logged that has these words in it."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.heard = words, Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.heard.set()


def test_run_that_another_process_is_at_is_waited_for_and_not_trained_again(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(outputs)
    first = execute(config)
    marker = folder_of(config).finished.read_bytes()
    folder_of(config).finished.unlink()
    hearing = Hearing("another process is at it, waiting")
    logger = logging.getLogger("experiments")
    monkeypatch.setattr(logger, "handlers", [*logger.handlers, hearing])
    monkeypatch.setattr(logger, "level", logging.INFO)
    with ThreadPoolExecutor(1) as pool:
        with held(folder_of(config).lock, lambda: None):
            waiting = pool.submit(execute, config)
            assert hearing.heard.wait(60)
            folder_of(config).finished.write_bytes(marker)
        assert waiting.result() == first
    assert epochs_trained(config) == 2
