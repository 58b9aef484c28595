"""A run from its configuration to its result: skipped, gone on with, begun anew, and closed whatever happens."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import yaml

from cnn_core import SGD, Adam, Summary
from experiments.config.leaves import leaves
from experiments.config.schema import Config
from experiments.data.dataset import DataError
from experiments.files import write_json
from experiments.lock import held
from experiments.recorders.book import Entry, Status, book_key, entries, write_entry
from experiments.recorders.tracked_run import SweepPart
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.identity import code_digest, identity
from experiments.terminal import progress
from experiments.training.build import build_model
from experiments.training.checkpoint import save_checkpoint, weights_digest
from experiments.training.loop import DivergedError, train
from tests.runner.configs import (
    adam,
    adamw,
    cnn_bn,
    cosine,
    one_cycle,
    residual_net,
    rmsprop,
    shifts,
    small_config,
    step,
)
from tests.runner.doubles import Store

pytestmark = pytest.mark.usefixtures("store")

Stop = Callable[[int, BaseException], None]


@pytest.fixture(autouse=True)
def picture(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], str]]:
    """What was drawn: the epochs and the title. Real pictures take longer than these runs."""
    drawn: list[tuple[list[int], str]] = []

    def draw(rows: Any, title: str, path: Path) -> None:
        drawn.append(([row.epoch for row in rows], title))
        path.touch()

    monkeypatch.setattr(attempt, "draw_learning_curve", draw)
    return drawn


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """`stop_after(1, KeyboardInterrupt())`: it happens once, in the second epoch, before its first batch."""

    def stop(epochs: int, error: BaseException) -> None:
        def watch(batches: Iterable[Any], *, label: str, **_: Any) -> Iterator[Any]:
            if label.startswith(f"epoch {epochs + 1}/"):
                monkeypatch.setattr(attempt, "progress", progress)
                raise error
            yield from batches

        monkeypatch.setattr(attempt, "progress", watch)

    return stop


def folder_of(config: Config) -> RunFolder:
    return RunFolder(Path(config.outputs_dir), identity(config))


def rows(config: Config) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder_of(config).history.read_text().splitlines()]


def without_times(config: Config) -> list[dict[str, Any]]:
    """The history, but for what a clock has put into it."""
    kept = rows(config)
    for row in kept:
        del row["timestamp_ms"], row["metrics"]["time/epoch_s"], row["metrics"]["time/images_per_s"]
    return kept


def epochs_trained(config: Config) -> int:
    """How many epochs were trained in all attempts together."""
    return folder_of(config).log.read_text().count(" INFO epoch ")


def digest_of(config: Config) -> str:
    summary = folder_of(config).summary()
    assert summary is not None
    return str(summary["weights.sha256"])


def show_sweep(outputs: Path, run_id: str) -> None:
    """Have the sweep of these tests shown in the store, as this run."""
    book = outputs / "sweeps" / "5eeb" / "tracked.json"
    book.parent.mkdir(parents=True)
    key = book_key(f"sqlite:///{outputs}/mlflow.db", "cnn", "")
    write_entry(book, key, Entry("sweep", {}, {}, 0, run_id=run_id))


def interrupted(config: Config, stop_after: Stop, epochs: int) -> None:
    stop_after(epochs, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(config)


# What a run leaves


def test_folder_holds_the_promised_files(outputs: Path) -> None:
    result = execute(small_config(outputs))
    names = {path.name for path in result.folder.path.iterdir()}
    promised = {"config.yaml", "environment.json", "summary.txt", "history.jsonl", "checkpoint.npz", "train.log"}
    assert names >= promised | {"learning_curve.png"}
    assert not [name for name in names if "draft" in name]


# Of 6×6 pixels: a convolution 1→2, pooling by 2, then 2·3·3 features to 8 to 3.
PARAMETERS = (2 * 9 + 2) + (18 * 8 + 8) + (8 * 3 + 3)
MULTIPLY_ADDS = 2 * 9 * 6 * 6 + 18 * 8 + 8 * 3
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
    show_sweep(outputs, "parent")
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
    seen: list[tuple[set[str], list[Status]]] = []

    def spy(path: Path, content: dict[str, Any]) -> None:
        to_be_shown = [entry.status for entry in entries(path.parent / "tracked.json").values()]
        files = {file.name for file in path.parent.iterdir() if file.suffix != ".draft"}  # of the book
        seen.append((files, to_be_shown))
        write_json(path, content)

    monkeypatch.setattr(attempt, "write_json", spy)
    result = execute(small_config(outputs))
    ((names, to_be_shown),) = seen
    assert names | {"finished.json"} == {file.name for file in result.folder.path.iterdir()}
    assert to_be_shown == ["FINISHED"]


def test_environment_is_recorded_also_of_a_run_that_fails(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: 1 / 0)
    config = small_config(outputs, trainer__threads=2)
    with pytest.raises(ZeroDivisionError):
        execute(config)
    assert json.loads(folder_of(config).environment.read_text())["threads"] == 2
    assert "environment.json" in store.only.files


def test_picture_is_of_the_whole_history(outputs: Path, picture: list[tuple[list[int], str]]) -> None:
    result = execute(small_config(outputs))
    assert picture == [([1, 2], f"run {result.folder.identity} (completed)")]


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


def test_digest_is_of_the_weights_in_the_checkpoint(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    with np.load(folder_of(config).checkpoint) as arrays:
        weights = {name.removeprefix("model/"): arrays[name] for name in arrays.files if name.startswith("model/")}
        assert int(arrays["epoch"]) == 2
    model = build_model(config)
    model.load_state_dict(weights)
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
    config = small_config(outputs)
    first = execute(config)
    before = folder_of(config).history.read_bytes()
    again = execute(config)
    assert again == first
    assert epochs_trained(config) == 2
    assert folder_of(config).history.read_bytes() == before
    assert f"run {first.folder.identity} is already finished; force=true repeats it" in caplog.text


def test_finished_run_reads_no_data(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs)
    execute(config)
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: pytest.fail("data were read"))
    execute(config)
    assert epochs_trained(config) == 2


def test_force_repeats_a_finished_run(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    first = execute(config)
    before = digest_of(config)
    again = execute(small_config(outputs, force=True))
    assert epochs_trained(config) == 4
    assert again.run_id != first.run_id
    assert [run.status for run in store.runs.values()] == ["FINISHED", "FINISHED"]
    assert digest_of(config) == before
    assert len(rows(config)) == 2


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


# What was stopped goes on


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
            save_checkpoint(folder.checkpoint, model, Adam(model.parameters()), 2)
        case "checkpoint of another network":
            model = build_model(small_config(Path(config.outputs_dir), model__hidden_size=9))
            save_checkpoint(folder.checkpoint, model, SGD(model.parameters(), lr=0.1, momentum=0.9), 2)
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


def test_what_a_killed_process_had_not_finished_writing_is_removed(outputs: Path) -> None:
    config = small_config(outputs)
    draft = folder_of(config).path / f"checkpoint.npz.{uuid4().hex}.draft"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"PK")
    execute(config)
    assert not draft.exists()


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

    def spy(path: Path, model: Any, optimizer: Any, epoch: int) -> None:
        seen.append((epoch, len((path.parent / "history.jsonl").read_text().splitlines())))
        save_checkpoint(path, model, optimizer, epoch)

    monkeypatch.setattr(attempt, "save_checkpoint", spy)
    execute(small_config(outputs))
    assert seen == [(1, 1), (2, 2)]


# What stops early

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


def test_run_that_stopped_early_is_finished(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, **IMPATIENT)
    first = execute(config)
    assert execute(config) == first
    assert "is already finished" in caplog.text
    assert epochs_trained(config) == 3
    assert (store.only.status, store.only.tags["outcome"]) == ("FINISHED", "completed")


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
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "draw_learning_curve", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            execute(config)
    assert len(rows(config)) == 3
    result = execute(config)
    assert (result.outcome, epochs_trained(config)) == ("completed", 3)
    assert result.stopped_early is not None
    assert digest_of(config) == rows(config)[-1]["weights_sha256"]


# What augmentation shows


def test_augmentation_is_drawn_before_it_is_learned_from_and_shown_in_the_store(
    outputs: Path, store: Store, stop_after: Stop
) -> None:
    config = small_config(outputs, augmentation=shifts())
    interrupted(config, stop_after, 0)
    assert folder_of(config).augmentation.read_bytes().startswith(b"\x89PNG")
    execute(config)
    assert "augmentation.png" in store.only.files


def test_run_without_augmentation_has_no_such_picture(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    execute(config)
    assert not folder_of(config).augmentation.exists()
    assert "augmentation.png" not in store.only.files


@pytest.mark.parametrize(("epochs", "drawn"), [(2, 2), (5, 3)])
def test_picture_is_of_epochs_that_there_are(
    epochs: int, drawn: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], str]] = []

    def draw(rows: dict[str, Any], _scale: float, title: str, _path: Path) -> None:
        seen.append((list(rows), title))

    monkeypatch.setattr(attempt, "draw_augmentation", draw)
    config = small_config(outputs, augmentation=shifts(), trainer__epochs=epochs)
    execute(config)
    names = ["original", *(f"epoch {epoch}" for epoch in range(1, drawn + 1))]
    assert seen == [(names, f"run {identity(config)}, augmentation standard")]


# What MLflow shows


def test_store_shows_the_run_as_it_was(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    result = execute(config)
    run = store.only
    assert run.status == "FINISHED"
    assert run.params == {key: str(value) for key, value in leaves(asdict(config)).items()}
    assert run.tags == {
        "mlflow.source.name": "experiments.train",
        "mlflow.source.type": "LOCAL",
        "identity": identity(config),
        "code.sha256": code_digest(),
        "data.sha256": folder_of(config).summary()["data.sha256"],  # type: ignore[index]
        "weights.sha256": digest_of(config),
        "outcome": "completed",
        "model.parameters": str(PARAMETERS),
        "model.multiply_adds": str(MULTIPLY_ADDS),
    }
    assert set(run.files) >= {"config.yaml", "summary.txt", "history.jsonl", "learning_curve.png"}
    for row in rows(config):
        for key, value in row["metrics"].items():
            assert (key, row["epoch"], row["timestamp_ms"], value) in run.metrics
    assert run.values("best/epoch") == [(2, result.final["best/epoch"])]
    assert run.values("best/test_accuracy") == [(2, result.final["best/test_accuracy"])]


def test_name_in_the_store_says_what_it_is(outputs: Path, store: Store) -> None:
    execute(small_config(outputs, optimizer__lr=0.25))
    assert store.only.name == "synthetic lr=0.25 batch_size=10"


def test_run_of_a_sweep_is_the_child_of_its_parent(outputs: Path, store: Store) -> None:
    show_sweep(outputs, "parent")
    execute(small_config(outputs), name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    assert (store.only.name, store.only.parent) == ("lr=0.1", "parent")
    assert store.only.tags["sweep.id"] == "5eeb"
    assert store.only.tags["sweep.overrides"] == "optimizer.lr=0.1"


def test_run_finished_before_appears_in_a_sweep_with_all_its_epochs(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    execute(config)
    show_sweep(outputs, "parent")
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    single, child = store.runs.values()
    assert child.parent == "parent"
    assert child.metrics == single.metrics
    assert child.status == "FINISHED"
    assert child.tags == {**single.tags, "sweep.id": "5eeb", "sweep.overrides": "optimizer.lr=0.1"}


def test_interrupted_run_is_closed_as_such_and_taken_up_again(outputs: Path, store: Store, stop_after: Stop) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    assert (store.only.status, store.only.tags["outcome"]) == ("KILLED", "interrupted")
    execute(config)
    assert (store.only.status, store.only.tags["outcome"]) == ("FINISHED", "completed")
    assert [step for step, _ in store.only.values("train/loss")] == [1, 2]


def test_failed_run_leaves_its_traceback_and_is_closed(outputs: Path, store: Store, stop_after: Stop) -> None:
    config = small_config(outputs)
    stop_after(1, RuntimeError("the disk is on fire"))
    with pytest.raises(RuntimeError):
        execute(config)
    text = folder_of(config).failure.read_text()
    assert text.startswith("Traceback")
    assert "RuntimeError: the disk is on fire" in text
    assert (store.only.status, store.only.tags["outcome"]) == ("FAILED", "failed")
    assert "failure.txt" in store.only.files
    assert folder_of(config).summary() is None


def test_failed_run_goes_on_and_forgets_its_failure(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs)
    stop_after(1, RuntimeError("the disk is on fire"))
    with pytest.raises(RuntimeError):
        execute(config)
    assert execute(config).outcome == "completed"
    assert not folder_of(config).failure.exists()


@pytest.mark.parametrize("step", ["draw_learning_curve", "build_dataset", "build_model", "save_checkpoint"])
def test_run_is_closed_wherever_it_is_interrupted(
    step: str, outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(attempt, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(small_config(outputs))
    assert [run.status for run in store.runs.values()] in ([], ["KILLED"])


def test_run_without_data_has_failed(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise DataError("put the files there")

    monkeypatch.setattr(attempt, "build_dataset", missing)
    config = small_config(outputs)
    with pytest.raises(DataError):
        execute(config)
    assert folder_of(config).failure.exists()
    assert store.only.status == "FAILED"


def test_diverged_run_is_a_result(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, optimizer__lr=1e30)
    result = execute(config)
    assert (result.outcome, result.final) == ("diverged", {})
    assert (store.only.status, store.only.tags["outcome"]) == ("FINISHED", "diverged")
    assert "the loss is" in caplog.text
    assert execute(config) == result
    assert len(store.runs) == 1


def test_diverged_run_keeps_the_epochs_before(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(outputs)

    def diverging(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        yield next(train(*arguments, **keywords))
        raise DivergedError("the loss is nan in batch 1 of epoch 2")

    monkeypatch.setattr(attempt, "train", diverging)
    result = execute(config)
    assert result.outcome == "diverged"
    assert result.final["best/epoch"] == 1
    assert len(rows(config)) == 1


def test_loss_beyond_all_numbers_after_the_last_batch_is_divergence_too(outputs: Path) -> None:
    # One batch: its loss is measured before the only step, so only evaluation can tell what that step did.
    assert (
        execute(small_config(outputs, data__batch_size=24, trainer__epochs=1, optimizer__lr=1e30)).outcome == "diverged"
    )


def test_password_of_the_store_is_shown_nowhere(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, tracking__uri="http://user:secret@host")
    execute(config)
    assert "secret" not in str(store.only)
    assert "secret" not in caplog.text
    for path in folder_of(config).path.iterdir():
        assert b"secret" not in path.read_bytes(), path.name


# What happens while the store is down


def test_store_that_is_down_costs_one_warning(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.down = True
    result = execute(small_config(outputs))
    assert (result.outcome, result.run_id) == ("completed", None)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "is down" in warning.getMessage()


@pytest.mark.parametrize("calls", range(11))
def test_whenever_the_store_fails_the_next_command_uploads_the_rest_once(
    calls: int, outputs: Path, store: Store
) -> None:
    config = small_config(outputs)
    store.down_after = calls
    first = execute(config)
    assert first.outcome == "completed"
    store.down_after = None
    execute(config)
    assert epochs_trained(config) == 2
    run = store.only
    assert run.status == "FINISHED"
    assert run.tags["outcome"] == "completed"
    assert run.tags["weights.sha256"] == digest_of(config)
    for key in ("train/loss", "test/accuracy"):
        assert run.values(key) == [(row["epoch"], row["metrics"][key]) for row in rows(config)]
    assert len(run.values("best/epoch")) == 1


def test_finished_run_is_not_uploaded_again(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    execute(config)
    before = store.calls
    execute(config)
    assert store.calls == before


def test_run_that_was_deleted_from_the_store_is_shown_anew(outputs: Path, store: Store, stop_after: Stop) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    store.runs.clear()
    execute(config)
    assert [step for step, _ in store.only.values("train/loss")] == [1, 2]


def test_force_leaves_an_interrupted_run_closed_and_shows_a_new_one(
    outputs: Path, store: Store, stop_after: Stop
) -> None:
    interrupted(small_config(outputs), stop_after, 1)
    execute(small_config(outputs, force=True))
    first, second = store.runs.values()
    assert (first.status, first.tags["outcome"]) == ("KILLED", "interrupted")
    assert (second.status, second.tags["outcome"]) == ("FINISHED", "completed")
    assert [step for step, _ in second.values("train/loss")] == [1, 2]


def test_run_goes_on_with_other_threads_than_it_began_with(outputs: Path, store: Store, stop_after: Stop) -> None:
    interrupted(small_config(outputs), stop_after, 1)
    execute(small_config(outputs, trainer__threads=2))
    assert store.only.status == "FINISHED"
    assert digest_of(small_config(outputs)) == store.only.tags["weights.sha256"]


def test_run_of_a_sweep_that_is_not_shown_waits_for_its_parent(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.recorders.uploader._PARENT_PATIENCE", 1)
    config = small_config(outputs)
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    assert store.runs == {}
    show_sweep(outputs, "parent")
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    assert store.only.parent == "parent"
    assert store.only.status == "FINISHED"
