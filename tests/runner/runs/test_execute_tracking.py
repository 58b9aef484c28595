"""What a run leaves for MLflow to show: where, under which name, and what it then shows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from experiments.config.leaves import leaves
from experiments.errors import UserError
from experiments.runs import source
from experiments.runs.execute import SweepPart, execute
from experiments.runs.identity import code_digest, identity
from experiments.runs.source import Source
from experiments.store.store import Store
from experiments.tracking.outbox import exclusive, unpublished
from experiments.tracking.targets import targets
from tests.runner.configs import small_config
from tests.runner.runs.folders import (
    MULTIPLY_ADDS,
    PARAMETERS,
    Stop,
    digest_of,
    folder_of,
    interrupted,
    outcome_of,
    rows,
    shown_completely,
)
from tests.runner.stores import published, stored_runs


def test_mlflow_shows_the_run_as_it_was(outputs: Path, store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "current_source", lambda: Source("c" * 40, dirty=True, patch=b"diff"))
    config = small_config(outputs)
    final = execute(config).final
    assert published(store_uri, outputs).lines() == []
    (run,) = stored_runs(store_uri).values()
    assert run.status == "FINISHED"
    assert run.params == {key: str(value) for key, value in leaves(asdict(config)).items()}
    tags = {key: text for key, text in run.tags.items() if key not in ("mlflow.runName", "mlflow.user", "run.key")}
    assert tags == {
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
    client = Store(store_uri).client
    for key in rows(config)[0]["metrics"]:
        shown = [(one.step, one.timestamp, one.value) for one in client.get_metric_history(run.run_id, key)]
        assert shown == [(row["epoch"], row["timestamp_ms"], row["metrics"][key]) for row in rows(config)]
    for key in ("best/epoch", "best/test_accuracy"):
        assert [(one.step, one.value) for one in client.get_metric_history(run.run_id, key)] == [(2, final[key])]
    assert {file.path for file in client.list_artifacts(run.run_id)} == {
        "config.yaml",
        "environment.json",
        "history.jsonl",
        "learning_curve.png",
        "source.json",
        "source.patch",
        "summary.txt",
        "train.log",
    }


def test_name_in_mlflow_says_what_it_is(outputs: Path) -> None:
    config = small_config(outputs, optimizer__lr=0.25)
    execute(config)
    assert [target.name for target in targets(folder_of(config).path)] == ["synthetic lr=0.25 batch_size=10"]


def test_run_finished_before_is_to_be_shown_in_a_sweep_as_well(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    shown_completely(config)
    execute(config, name="lr=0.1", part=SweepPart("5eeb", "optimizer.lr=0.1"))
    alone, child = targets(folder_of(config).path)
    assert (alone.sweep, alone.current) == ("", True)
    assert (child.name, child.sweep, child.overrides) == ("lr=0.1", "5eeb", "optimizer.lr=0.1")


def test_password_of_the_store_is_in_no_file(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs, tracking__uri="http://user:sesame4711@host")
    execute(config)
    assert "sesame4711" not in caplog.text
    for path in folder_of(config).path.iterdir():
        assert b"sesame4711" not in path.read_bytes(), path.name


def test_finished_run_that_mlflow_shows_is_not_published_again(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    (mark,) = (outputs / "outbox").iterdir()
    mark.unlink()
    shown_completely(config)
    execute(config)
    assert list(unpublished(outputs)) == []


def test_finished_run_that_mlflow_does_not_show_is_published(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    (mark,) = (outputs / "outbox").iterdir()
    mark.unlink()
    execute(config)
    assert list(unpublished(outputs)) == [folder_of(config).path]


def test_finished_run_whose_marker_is_damaged_is_published_again(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    (mark,) = (outputs / "outbox").iterdir()
    mark.unlink()
    shown_completely(config)
    folder_of(config).finished.write_text("{")
    execute(config)
    assert list(unpublished(outputs)) == [folder_of(config).path]


def test_force_shows_another_run(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    shown_completely(config)
    execute(small_config(outputs, force=True))
    first, second = targets(folder_of(config).path)
    assert (first.current, second.current) == (False, True)
    assert first.key != second.key


def test_force_waits_for_a_publisher_that_reads_the_folder(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    shown_completely(config)
    with ThreadPoolExecutor() as pool, exclusive(folder_of(config).path):
        repetition = pool.submit(execute, small_config(outputs, force=True))
        with pytest.raises(TimeoutError):
            repetition.result(0.5)
        assert folder_of(config).finished.exists()
    assert repetition.result().outcome == "completed"


def test_run_is_not_repeated_while_mlflow_misses_a_part_of_it(outputs: Path) -> None:
    config = small_config(outputs)
    execute(config)
    history = rows(config)
    with pytest.raises(UserError, match=r"does not show all of run \w+ yet; python -m experiments\.sync uploads it"):
        execute(small_config(outputs, force=True))
    assert rows(config) == history


def test_run_goes_on_with_other_threads_than_it_began_with(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs)
    interrupted(config, stop_after, 1)
    assert outcome_of(config) == "interrupted"
    assert execute(small_config(outputs, trainer__threads=2)).folder == folder_of(config)
    assert digest_of(config) == rows(config)[-1]["weights_sha256"]
