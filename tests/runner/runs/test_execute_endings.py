"""A run that fails or diverges: closed, with what there is to say about it."""

import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnn_core import load_state
from experiments.data.dataset import DataError
from experiments.runs import attempt
from experiments.runs.epochs import Epochs
from experiments.runs.execute import execute
from experiments.training.loop import DivergedError, train
from tests.runner.configs import small_config
from tests.runner.runs.folders import Stop, folder_of, interrupted, outcome_of, rows


def test_failed_run_leaves_its_traceback_and_is_closed(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs)
    stop_after(1, RuntimeError("the disk is on fire"))
    with pytest.raises(RuntimeError):
        execute(config)
    text = folder_of(config).failure.read_text()
    assert text.startswith("Traceback")
    assert "RuntimeError: the disk is on fire" in text
    assert outcome_of(config) == "failed"
    assert folder_of(config).summary() is None


def test_failed_run_goes_on_and_forgets_its_failure(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs)
    stop_after(1, RuntimeError("the disk is on fire"))
    with pytest.raises(RuntimeError):
        execute(config)
    assert execute(config).outcome == "completed"
    assert not folder_of(config).failure.exists()


@pytest.mark.parametrize("step", ["record_environment", "build_dataset", "build_model", "save_checkpoint"])
def test_run_is_closed_wherever_it_is_interrupted(step: str, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(attempt, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(small_config(outputs))
    assert outcome_of(small_config(outputs)) == "interrupted"


def test_interruption_amid_a_checkpoint_is_one_at_its_end(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(zipfile._ZipWriteFile):  # type: ignore[name-defined,misc]  # typeshed leaves it out
        """A part of the file, at whose beginning Ctrl-C comes: the file can then be neither written nor closed."""

        def __init__(self, *arguments: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            super().__init__(*arguments)

    monkeypatch.setattr(zipfile, "_ZipWriteFile", Interrupted)
    config = small_config(outputs)
    with pytest.raises(KeyboardInterrupt):
        execute(config)
    assert outcome_of(config) == "interrupted"
    assert not folder_of(config).failure.exists()
    assert len(rows(config)) == 1
    assert load_state(folder_of(config).checkpoint)["epoch"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "disk"])
@pytest.mark.parametrize("moment", ["recorded", "checkpoint"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_run_that_ends_between_an_epoch_and_the_next_has_it_once_in_the_end(
    epochs: int, moment: str, error: BaseException, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(outputs)
    place, name = (Epochs, "add") if moment == "recorded" else (attempt, "save_checkpoint")
    done = getattr(place, name)

    def ends(*words: Any) -> Any:
        result = done(*words)
        if len(rows(config)) == epochs:
            raise error
        return result

    with monkeypatch.context() as patch:
        patch.setattr(place, name, ends)
        with pytest.raises(type(error)):
            execute(config)
    kept = rows(config)
    assert len(kept) == epochs
    assert outcome_of(config) == ("failed" if isinstance(error, OSError) else "interrupted")
    execute(config)
    assert rows(config)[:epochs] == kept
    assert [row["epoch"] for row in rows(config)] == [1, 2]


@pytest.mark.parametrize(("epochs", "said"), [(0, "begins it again"), (1, "goes on from the last checkpoint")])
def test_interrupted_run_says_what_the_same_command_does(
    epochs: int, said: str, outputs: Path, stop_after: Stop, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted(small_config(outputs), stop_after, epochs)
    assert caplog.messages[-1] == f"interrupted; the same command {said}"


def test_run_without_data_has_failed(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise DataError("put the files there")

    monkeypatch.setattr(attempt, "build_dataset", missing)
    config = small_config(outputs)
    with pytest.raises(DataError):
        execute(config)
    assert folder_of(config).failure.exists()
    assert outcome_of(config) == "failed"


def test_diverged_run_is_a_result(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, optimizer__lr=1e30)
    result = execute(config)
    assert (result.outcome, result.final) == ("diverged", {})
    assert "the loss is" in caplog.text
    assert execute(config) == result


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
