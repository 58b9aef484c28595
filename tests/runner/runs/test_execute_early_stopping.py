"""A run that stops early: where, why, and the same after an interruption."""

import logging
from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import Config
from experiments.runs.execute import execute
from tests.runner.configs import shifts, small_config
from tests.runner.runs.folders import (
    Stop,
    digest_of,
    epochs_trained,
    folder_of,
    interrupted,
    interrupted_at_its_end,
    rows,
    without_times,
)

# With this margin nothing after the first epoch counts as better.
IMPATIENT: dict[str, Any] = {
    "trainer__epochs": 9,
    "trainer__patience": 2,
    "trainer__min_improvement": 10.0,
    "data__validation_fraction": 0.25,
}


def stopped_lines(config: Config) -> int:
    return folder_of(config).log.read_text().count("stopped early after epoch")


def test_run_stops_where_its_validation_loss_says(outputs: Path) -> None:
    changes = {"trainer__epochs": 30, "optimizer__lr": 0.3, "data__validation_fraction": 0.25}
    patient = small_config(outputs / "patient", **changes)
    config = small_config(outputs / "impatient", **changes, trainer__patience=2)
    execute(patient)
    losses = [row["metrics"]["val/loss"] for row in rows(patient)]
    stop = next(n for n in range(3, 30) if min(losses[n - 2 : n]) >= min(losses[: n - 2]))
    result = execute(config)
    assert result.outcome == "completed"
    assert result.final["best/epoch"] <= stop
    assert without_times(config) == without_times(patient)[:stop]
    assert digest_of(config) == rows(patient)[stop - 1]["weights_sha256"]


def test_run_that_stopped_early_says_so_and_why(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, **IMPATIENT)
    result = execute(config)
    first = rows(config)[0]["metrics"]["val/loss"]
    why = f"val/loss has not fallen below the {first:.4f} of epoch 1 by more than 10 for 2 epochs"
    assert result.stopped_early == f"after epoch 3 of 9: {why}"
    assert f"stopped early {result.stopped_early}" in caplog.text


def test_run_that_stopped_early_is_finished(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, **IMPATIENT)
    first = execute(config)
    caplog.set_level(logging.INFO, "experiments")
    assert execute(config) == first
    assert "is already finished" in caplog.text
    assert epochs_trained(config) == 3


@pytest.mark.parametrize("epochs", [3, 2])
def test_run_that_came_to_its_last_epoch_has_not_stopped_early(epochs: int, outputs: Path) -> None:
    config = small_config(outputs, **IMPATIENT | {"trainer__epochs": epochs})
    assert execute(config).stopped_early is None
    assert (len(rows(config)), stopped_lines(config)) == (epochs, 0)


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_run_gone_on_with_stops_at_the_same_epoch_with_the_same_weights(
    epochs: int, outputs: Path, stop_after: Stop
) -> None:
    changes = IMPATIENT | {"augmentation": shifts(crop=0.7, cutout=2, flip=True)}
    config = small_config(outputs / "stopped", **changes)
    undisturbed = small_config(outputs / "undisturbed", **changes)
    interrupted(config, stop_after, epochs)
    resumed, straight = execute(config), execute(undisturbed)
    assert resumed.stopped_early == straight.stopped_early
    assert len(rows(config)) == 3
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)


def test_run_killed_after_the_epoch_it_stops_at_trains_no_other(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs, **IMPATIENT)
    interrupted_at_its_end(config, monkeypatch)
    assert len(rows(config)) == 3
    result = execute(config)
    assert (result.outcome, epochs_trained(config)) == ("completed", 3)
    assert result.stopped_early is not None
    assert digest_of(config) == rows(config)[-1]["weights_sha256"]
