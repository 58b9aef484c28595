"""A run that was stopped goes on, whatever became of its folder."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from cnn_core import SGD, Adam, Optimizer, Sequential
from experiments.config.schema import Config
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.history import History
from experiments.runs.identity import identity
from experiments.training.build import build_model, build_optimizer
from experiments.training.checkpoint import load_checkpoint, save_checkpoint
from experiments.training.loop import EpochResult, Place, train
from tests.runner.configs import adam, adamw, cnn_bn, cosine, one_cycle, residual_net, rmsprop, small_config, step
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

SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "adam": {"optimizer": adam()},
    "adamw, cosine": {"optimizer": adamw(), "schedule": cosine(warmup_epochs=1.5), "trainer__label_smoothing": 0.1},
    "rmsprop, one_cycle": {"optimizer": rmsprop(clip_norm=0.1), "schedule": one_cycle()},
    "steps": {"schedule": step()},
    "cnn_bn with dropout": {"model": cnn_bn(channels=[2, 3], blocks=2, dropout=0.3)},
    "residual_net with dropout, adam": {"model": residual_net(channels=[2, 3], dropout=0.3), "optimizer": adam()},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_interrupted_run_goes_on_as_if_never_stopped(
    epochs: int, settings: dict[str, Any], outputs: Path, stop_after: Stop
) -> None:
    changes = {"trainer__epochs": 3} | settings
    config = small_config(outputs / "stopped", **changes)
    undisturbed = small_config(outputs / "undisturbed", **changes)
    interrupted(config, stop_after, epochs)
    kept = rows(config)
    assert len(kept) == epochs
    assert folder_of(config).summary() is None
    execute(config)
    execute(undisturbed)
    assert epochs_trained(config) == 3
    assert rows(config)[:epochs] == kept
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)


def test_run_that_goes_on_says_where(outputs: Path, stop_after: Stop, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    caplog.clear()
    execute(config)
    assert f"run {identity(config)} was stopped; going on after epoch 1" in caplog.text
    assert "epoch 1/2" not in caplog.text


def stopped_at(config: Config, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry out a run that is interrupted at a place within an epoch, which it has just left a checkpoint of."""

    def watch(batches: Iterable[Any], *, label: str, done: int, **_: Any) -> Iterator[Any]:
        if (label.partition("/")[0], done) == (f"epoch {place.epochs + 1}", place.batches):
            raise KeyboardInterrupt
        yield from batches

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "progress", watch)
        with pytest.raises(KeyboardInterrupt):
            execute(replace(config, trainer=replace(config.trainer, checkpoint_minutes=1e-9)))


@pytest.mark.parametrize(
    ("place", "name"), [(Place(0, 1), "sgd"), (Place(1, 2), "adamw, cosine"), (Place(2, 1), "cnn_bn with dropout")]
)
def test_run_stopped_within_an_epoch_goes_on_there_as_if_never_stopped(
    place: Place,
    name: str,
    outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    changes = {"trainer__epochs": 3} | SETTINGS[name]
    config = small_config(outputs / "stopped", **changes)
    undisturbed = small_config(outputs / "undisturbed", **changes)
    stopped_at(config, place, monkeypatch)
    kept = rows(config)
    assert len(kept) == place.epochs
    execute(config)
    assert f"run {identity(config)} was stopped; going on after {place}" in caplog.text
    execute(undisturbed)
    assert rows(config)[: place.epochs] == kept
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)


def test_run_can_be_stopped_within_an_epoch_time_and_again(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, undisturbed = small_config(outputs / "stopped"), small_config(outputs / "undisturbed")
    for place in (Place(0, 1), Place(0, 2), Place(1, 1), Place(1, 2)):
        stopped_at(config, place, monkeypatch)
    execute(config)
    execute(undisturbed)
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)
    assert epochs_trained(config) == 2


def test_checkpoints_within_an_epoch_are_as_far_apart_as_asked_for(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def spy(*arguments: Any, places_s: float, **keywords: Any) -> Iterator[EpochResult | Place]:
        asked.append(places_s)
        return train(*arguments, **keywords)

    monkeypatch.setattr(attempt, "train", spy)
    for seed, minutes in enumerate((None, 0.5, 10.0)):
        execute(small_config(outputs, seed=seed, trainer__checkpoint_minutes=minutes))
    assert asked == [inf, 30.0, 600.0]


def test_run_stopped_after_its_last_epoch_is_only_finished(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs)
    interrupted_at_its_end(config, monkeypatch)
    before = folder_of(config).history.read_bytes()
    assert execute(config).outcome == "completed"
    assert folder_of(config).history.read_bytes() == before


def taken_up(config: Config) -> tuple[Sequential, Optimizer]:
    """Network and optimizer as the checkpoint has them."""
    model = build_model(config)
    optimizer = build_optimizer(config.optimizer, model)
    load_checkpoint(folder_of(config).checkpoint, model, optimizer, epochs=3, steps=3)
    return model, optimizer


def damage_checkpoint(config: Config, how: str) -> None:
    """Damage the checkpoint of a run of three epochs that was stopped after the second."""
    path = folder_of(config).checkpoint
    model, optimizer = taken_up(config)
    match how:
        case "cut short":
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
        case "of another optimizer":
            save_checkpoint(path, model, Adam(model.parameters()), Place(2))
        case "of another network":
            other = build_model(small_config(Path(config.outputs_dir), model__hidden_size=9))
            save_checkpoint(path, other, SGD(other.parameters(), lr=0.1, momentum=0.9), Place(2))
        case "of a place that cannot be":
            save_checkpoint(path, model, optimizer, Place(1, 4, loss=1.0, seconds=1.0))
        case "of other weights":
            model.parameters()[0].value[0] = 7
            save_checkpoint(path, model, optimizer, Place(2))
        case "missing":
            path.unlink()
        case _:
            raise AssertionError(how)


def damage_history(config: Config, how: str) -> None:
    """Damage the history of that run."""
    path = folder_of(config).history
    lines = path.read_text().splitlines(keepends=True)
    match how:
        case "torn":
            path.write_text("".join(lines) + '{"epoch": 3, "metri')
        case "ahead of the checkpoint":
            History(path).append(replace(History(path).rows()[1], epoch=3))
        case "behind the checkpoint":
            path.write_text(lines[0])
        case "missing":
            path.unlink()
        case _:
            raise AssertionError(how)


@pytest.mark.parametrize(
    ("damage", "how"),
    [
        (damage_checkpoint, "cut short"),
        (damage_checkpoint, "of another optimizer"),
        (damage_checkpoint, "of another network"),
        (damage_checkpoint, "of a place that cannot be"),
        (damage_checkpoint, "of other weights"),
        (damage_checkpoint, "missing"),
        (damage_history, "torn"),
        (damage_history, "ahead of the checkpoint"),
        (damage_history, "behind the checkpoint"),
        (damage_history, "missing"),
    ],
)
def test_whatever_is_damaged_the_end_is_the_same(
    damage: Callable[[Config, str], None], how: str, outputs: Path, stop_after: Stop
) -> None:
    config = small_config(outputs / "damaged", trainer__epochs=3)
    undisturbed = small_config(outputs / "undisturbed", trainer__epochs=3)
    interrupted(config, stop_after, 2)
    damage(config, how)
    execute(config)
    execute(undisturbed)
    assert without_times(config) == without_times(undisturbed)
    assert digest_of(config) == digest_of(undisturbed)


def test_damaged_checkpoint_is_named_in_a_warning(
    outputs: Path, stop_after: Stop, caplog: pytest.LogCaptureFixture
) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    folder_of(config).checkpoint.write_bytes(b"not an archive")
    caplog.clear()
    execute(config)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert str(folder_of(config).checkpoint) in warning.getMessage()
    assert "begins anew" in warning.getMessage()


def test_checkpoint_is_never_ahead_of_the_history(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def spy(path: Path, model: Any, optimizer: Any, place: Place) -> None:
        seen.append((place.epochs, len((path.parent / "history.jsonl").read_text().splitlines())))
        save_checkpoint(path, model, optimizer, place)

    monkeypatch.setattr(attempt, "save_checkpoint", spy)
    execute(small_config(outputs))
    assert seen == [(1, 1), (2, 2)]
