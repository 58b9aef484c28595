"""What the store shows of a run, and what happens while it is down."""

import logging
from dataclasses import asdict
from pathlib import Path

import pytest

from experiments.config.leaves import leaves
from experiments.errors import UserError
from experiments.recorders.tracked_run import SweepPart
from experiments.runs import source
from experiments.runs.execute import execute
from experiments.runs.identity import code_digest, identity
from experiments.runs.source import Source
from tests.runner.configs import small_config
from tests.runner.doubles import Store
from tests.runner.runs.folders import (
    MULTIPLY_ADDS,
    PARAMETERS,
    Stop,
    digest_of,
    epochs_trained,
    folder_of,
    interrupted,
    rows,
    show_sweep,
)

pytestmark = pytest.mark.usefixtures("store", "picture")


def test_store_shows_the_run_as_it_was(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "current_source", lambda: Source("c" * 40, dirty=True, patch=b"diff"))
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
        "mlflow.source.git.commit": "c" * 40,
        "git.dirty": "true",
    }
    assert {"source.json", "source.patch"} <= set(run.files)
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


def test_password_of_the_store_is_shown_nowhere(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, tracking__uri="http://user:sesame4711@host")
    execute(config)
    assert "sesame4711" not in str(store.only)
    assert "sesame4711" not in caplog.text
    for path in folder_of(config).path.iterdir():
        assert b"sesame4711" not in path.read_bytes(), path.name


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


def test_run_is_not_repeated_while_the_store_misses_a_part_of_it(outputs: Path, store: Store) -> None:
    store.down_after = 3
    execute(small_config(outputs))
    history = rows(small_config(outputs))
    with pytest.raises(UserError, match=r"does not show all of run \w+ yet; python -m experiments\.sync uploads it"):
        execute(small_config(outputs, force=True))
    assert rows(small_config(outputs)) == history
    store.down_after = None
    execute(small_config(outputs))
    assert store.only.status == "FINISHED"
    execute(small_config(outputs, force=True))
    assert [run.status for run in store.runs.values()] == ["FINISHED", "FINISHED"]


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
    show_sweep(outputs, None)
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    assert store.runs == {}
    show_sweep(outputs, "parent")
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    assert store.only.parent == "parent"
    assert store.only.status == "FINISHED"
