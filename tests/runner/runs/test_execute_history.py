"""What is once in a run's history stays there: epochs that are trained again must come out as it says."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import Config
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.history import History
from experiments.tracking.targets import targets
from experiments.training.loop import DivergedError, train
from tests.runner.configs import cnn_bn, shifts, small_config
from tests.runner.runs.folders import (
    Stop,
    digest_of,
    epochs_trained,
    folder_of,
    interrupted,
    rows,
    without_times,
)

EPOCHS = 4


@pytest.fixture
def config(outputs: Path, stop_after: Stop) -> Config:
    """A run that was stopped after its third epoch of four; its checkpoint is of the first."""
    return stopped(small_config(outputs / "stopped", trainer__epochs=EPOCHS), stop_after)


def stopped(config: Config, stop_after: Stop, epochs: int = EPOCHS - 1) -> Config:
    interrupted(config, stop_after, 1)
    older = folder_of(config).checkpoint.read_bytes()
    interrupted(config, stop_after, epochs)
    folder_of(config).checkpoint.write_bytes(older)
    return config


def lines(config: Config) -> list[str]:
    return folder_of(config).history.read_text().splitlines(keepends=True)


def rewritten(config: Config, epoch: int, key: str, value: Any) -> None:
    """Have the history say something else of an epoch, as if nothing had sealed it."""
    changed = rows(config)
    row = changed[epoch - 1]
    del row["sha256"]
    (row["metrics"] if key in row["metrics"] else row)[key] = value
    folder_of(config).history.write_text("".join(json.dumps(row) + "\n" for row in changed))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def assert_ends_as_undisturbed(config: Config, outputs: Path, **changes: Any) -> None:
    undisturbed = small_config(outputs / "undisturbed", trainer__epochs=EPOCHS, **changes)
    execute(undisturbed)
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)


# The same comes out again


@pytest.mark.parametrize("checkpoint", ["older", "missing", "damaged"])
def test_rows_stay_as_they_were_written(
    checkpoint: str, config: Config, outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    match checkpoint:
        case "missing":
            folder_of(config).checkpoint.unlink()
        case "damaged":
            folder_of(config).checkpoint.write_bytes(b"not an archive")
    before, trained_before = lines(config), epochs_trained(config)
    (target,) = targets(folder_of(config).path)
    caplog.clear()
    execute(config)
    assert lines(config)[: EPOCHS - 1] == before
    assert epochs_trained(config) - trained_before == (3 if checkpoint == "older" else 4)
    assert len(warnings(caplog)) == (checkpoint != "older")
    assert_ends_as_undisturbed(config, outputs)
    assert targets(folder_of(config).path) == [target]


def test_history_is_not_shorter_at_any_time(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []

    def spy(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        for result in train(*arguments, **keywords):
            lengths.append(len(lines(config)))
            yield result

    monkeypatch.setattr(attempt, "train", spy)
    execute(config)
    assert lengths == [3, 3, 3]


@pytest.mark.parametrize("epochs", [1, 2])
def test_run_stopped_while_it_trains_epochs_again_keeps_its_rows(
    epochs: int, config: Config, outputs: Path, stop_after: Stop
) -> None:
    before = lines(config)
    interrupted(config, stop_after, epochs)
    assert lines(config) == before
    execute(config)
    assert lines(config)[: EPOCHS - 1] == before
    assert_ends_as_undisturbed(config, outputs)


def test_networks_with_statistics_and_chance_come_out_the_same_again(outputs: Path, stop_after: Stop) -> None:
    changes = {"model": cnn_bn(dropout=0.3), "augmentation": shifts(flip=True)}
    config = stopped(small_config(outputs / "stopped", trainer__epochs=EPOCHS, **changes), stop_after)
    before = lines(config)
    execute(config)
    assert lines(config)[: EPOCHS - 1] == before
    assert_ends_as_undisturbed(config, outputs, **changes)


def test_pause_comes_after_its_epoch_though_the_history_is_ahead(config: Config) -> None:
    before = lines(config)
    result = execute(config, pause_after=2)
    assert result.outcome == attempt.PAUSED
    assert result.final["best/epoch"] <= 2
    assert result.final["train/loss"] == rows(config)[1]["metrics"]["train/loss"]
    assert lines(config) == before


def test_run_stops_early_at_the_same_epoch_though_the_history_is_ahead(outputs: Path, stop_after: Stop) -> None:
    changes: dict[str, Any] = {
        "trainer__epochs": 9,
        "trainer__patience": 3,
        "trainer__min_improvement": 10.0,
        "data__validation_fraction": 0.25,
    }
    config = stopped(small_config(outputs, **changes), stop_after)
    before = lines(config)
    result = execute(config)
    assert (result.outcome, len(rows(config))) == ("completed", 4)
    assert lines(config)[:3] == before
    assert digest_of(config) == rows(config)[-1]["weights_sha256"]


def test_result_is_what_the_history_says_with_its_times(outputs: Path, stop_after: Stop) -> None:
    config = stopped(small_config(outputs, trainer__epochs=EPOCHS), stop_after)
    execute(config)
    marker, last = folder_of(config).finished, rows(config)[-1]["metrics"]
    first = marker.read_bytes()
    marker.unlink()
    assert execute(config).final.items() >= last.items()
    assert marker.read_bytes() == first


# Something else comes out


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train/loss", 0.125, "train/loss was 0.125 and is 1."),
        ("weights_sha256", "f" * 64, "the weights are others"),
    ],
)
@pytest.mark.parametrize("epoch", [2, 3])
def test_row_that_came_out_differently_is_told_and_written_anew_with_all_after_it(
    epoch: int,
    key: str,
    value: Any,
    said: str,
    config: Config,
    outputs: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rewritten(config, epoch, key, value)
    before = lines(config)
    caplog.clear()
    execute(config)
    (warning,) = warnings(caplog)
    assert warning.startswith(f"epoch {epoch} came out differently: {said}")
    assert "Was the run computed with something else before?" in warning
    assert lines(config)[: epoch - 1] == before[: epoch - 1]
    assert_ends_as_undisturbed(config, outputs)
    first, second = targets(folder_of(config).path)  # MLflow withdraws no value
    assert (first.current, second.current) == (False, True)


def test_times_that_differ_are_no_difference(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    rewritten(config, 2, "time/epoch_s", 1e6)
    rewritten(config, 3, "timestamp_ms", 7)
    before = lines(config)
    caplog.clear()
    execute(config)
    assert warnings(caplog) == []
    assert lines(config)[:3] == before


def test_run_that_diverges_where_it_went_on_before_is_cut_there(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def diverging(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        yield next(train(*arguments, **keywords))
        raise DivergedError("the loss is nan in batch 1 of epoch 3")

    before = lines(config)
    monkeypatch.setattr(attempt, "train", diverging)
    caplog.clear()
    result = execute(config)
    assert result.outcome == "diverged"
    assert lines(config) == before[:2]
    assert "diverged after epoch 2, but it went on to 3" in warnings(caplog)[1]


def test_epochs_that_the_run_does_not_have_are_dropped(config: Config, outputs: Path) -> None:
    path = folder_of(config).history
    for epoch in (4, 5, 6):
        History(path).append(replace(History(path).rows()[0], epoch=epoch))
    execute(config)
    assert_ends_as_undisturbed(config, outputs)


# A damaged line


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_digit_that_changed_is_mended(epoch: int, outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs / "stopped", trainer__epochs=EPOCHS)
    interrupted(config, stop_after, EPOCHS - 1)
    content = lines(config)
    digit = content[epoch - 1].index('"train/loss": ') + len('"train/loss": ') + 5
    line = content[epoch - 1]
    content[epoch - 1] = line[:digit] + str((int(line[digit]) + 1) % 10) + line[digit + 1 :]
    folder_of(config).history.write_text("".join(content))
    execute(config)
    assert_ends_as_undisturbed(config, outputs)


DAMAGES = {
    "half of it": b'{"epoch": 3, "metr',
    "no object": b"[1, 2]",
    "no metrics": b'{"epoch": 3, "metrics": {}, "timestamp_ms": 1, "weights_sha256": ""}',
    "a metric that is no number": (
        b'{"epoch": 3, "metrics": {"test/accuracy": "x", "val/accuracy": 1, "val/loss": 1},'
        b' "timestamp_ms": 1, "weights_sha256": ""}'
    ),
    "no loss to stop by": (
        b'{"epoch": 3, "metrics": {"test/accuracy": 1, "val/accuracy": 1}, "timestamp_ms": 1, "weights_sha256": ""}'
    ),
    "another epoch": b'{"epoch": 7, "metrics": {"test/accuracy": 1}, "timestamp_ms": 1, "weights_sha256": ""}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_line_and_a_good_checkpoint_end_as_if_nothing_had_been(
    damage: bytes, outputs: Path, stop_after: Stop
) -> None:
    changes: dict[str, Any] = {"data__validation_fraction": 0.25, "trainer__patience": 9}
    config = small_config(outputs / "stopped", trainer__epochs=EPOCHS, **changes)
    interrupted(config, stop_after, EPOCHS - 1)
    path = folder_of(config).history
    content = path.read_bytes().splitlines()
    content[2] = damage.replace(b'256": "', b'256": "' + rows(config)[2]["weights_sha256"].encode())
    path.write_bytes(b"\n".join(content) + b"\n")
    execute(config)
    assert_ends_as_undisturbed(config, outputs, **changes)
