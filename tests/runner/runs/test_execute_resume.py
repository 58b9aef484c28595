"""A run that was stopped goes on, whatever became of its folder."""

import logging
from pathlib import Path
from typing import Any

import pytest

from cnn_core import SGD, Adam
from experiments.config.schema import Config
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.identity import identity
from experiments.training.build import build_model
from experiments.training.checkpoint import save_checkpoint
from experiments.training.loop import Place
from tests.runner.configs import adam, adamw, cnn_bn, cosine, one_cycle, residual_net, rmsprop, small_config, step
from tests.runner.runs.folders import Stop, digest_of, epochs_trained, folder_of, interrupted, rows, without_times

pytestmark = pytest.mark.usefixtures("store", "picture")

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


def test_run_stopped_after_its_last_epoch_is_only_finished(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs)
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "draw_learning_curve", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            execute(config)
    before = folder_of(config).history.read_bytes()
    assert execute(config).outcome == "completed"
    assert folder_of(config).history.read_bytes() == before


def damaged(config: Config, what: str) -> None:
    """Damage the folder of a run of three epochs that was stopped after the second."""
    folder = folder_of(config)
    lines = folder.history.read_text().splitlines(keepends=True)
    checkpoint = folder.checkpoint.read_bytes()
    match what:
        case "checkpoint cut short":
            folder.checkpoint.write_bytes(checkpoint[: len(checkpoint) // 2])
        case "checkpoint of another optimizer":
            model = build_model(small_config(Path(config.outputs_dir), seed=8))
            save_checkpoint(folder.checkpoint, model, Adam(model.parameters()), Place(2))
        case "checkpoint of another network":
            model = build_model(small_config(Path(config.outputs_dir), model__hidden_size=9))
            save_checkpoint(folder.checkpoint, model, SGD(model.parameters(), lr=0.1, momentum=0.9), Place(2))
        case "checkpoint missing":
            folder.checkpoint.unlink()
        case "history torn":
            folder.history.write_text(lines[0] + lines[1] + '{"epoch": 3, "metri')
        case "history ahead of the checkpoint":
            folder.history.write_text("".join(lines) + lines[1].replace('"epoch": 2', '"epoch": 3'))
        case "history behind the checkpoint":
            folder.history.write_text(lines[0])
        case "history missing":
            folder.history.unlink()
        case _:
            raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        "checkpoint cut short",
        "checkpoint of another optimizer",
        "checkpoint of another network",
        "checkpoint missing",
        "history torn",
        "history ahead of the checkpoint",
        "history behind the checkpoint",
        "history missing",
    ],
)
def test_whatever_is_damaged_the_end_is_the_same(what: str, outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs / "damaged", trainer__epochs=3)
    undisturbed = small_config(outputs / "undisturbed", trainer__epochs=3)
    interrupted(config, stop_after, 2)
    damaged(config, what)
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
