"""A sweep from its cells to the comparison: nothing that happens to one run stops the others."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from experiments.comparison import files
from experiments.comparison.comparison import Comparison, compare
from experiments.config.schema import Config, SweepConfig
from experiments.data.dataset import DataError
from experiments.lock import held
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.sweeps import task
from experiments.sweeps.folder import SweepFolder, find_sweep
from experiments.sweeps.sweep import SweepFailedError, run_sweep, sweep_id
from experiments.training.build import build_optimizer
from tests.runner.doubles import Store, StoredRun
from tests.runner.sweeps.cells import rates

pytestmark = pytest.mark.usefixtures("without_pictures")


def children(store: Store) -> list[StoredRun]:
    return [run for run in store.runs.values() if run.parent is not None]


def parents(store: Store) -> list[StoredRun]:
    return [run for run in store.runs.values() if run.parent is None]


def failing(monkeypatch: pytest.MonkeyPatch, rate: float, error: BaseException) -> None:
    """Whatever is trained at this learning rate ends so."""

    def built(config: Any, model: Any) -> Any:
        if config.lr == rate:
            raise error
        return build_optimizer(config, model)

    monkeypatch.setattr(attempt, "build_optimizer", built)


def weights(outputs: Path) -> dict[str, str]:
    finished = (outputs / "runs").glob("*/finished.json")
    return {path.parent.name: json.loads(path.read_text())["weights.sha256"] for path in finished}


def test_runs_are_the_children_of_one_parent(outputs: Path, store: Store) -> None:
    cells = rates(outputs, 0.1, 0.2)
    run_sweep(cells)
    (parent,) = parents(store)
    assert parent.status == "FINISHED"
    assert parent.tags["sweep.id"] == sweep_id(cells)
    assert "lr" in parent.name
    assert "2 runs" in parent.name
    assert {"comparison.html", "comparison.csv", "comparison.json"} <= set(parent.files)
    assert parent.tags["mlflow.note.content"].startswith("## Take lr = ")
    assert [run.name for run in children(store)] == ["lr=0.1", "lr=0.2"]
    for run, cell in zip(children(store), cells, strict=True):
        assert store.runs[str(run.parent)] is parent
        assert run.status == "FINISHED"
        assert run.tags["identity"] == cell.identity
        assert run.tags["sweep.id"] == sweep_id(cells)
        assert run.tags["sweep.overrides"] == f"optimizer.lr={cell.config.optimizer.lr}"
        assert [step for step, _ in run.values("test/accuracy")] == [1, 2]


def test_comparison_is_printed_and_lies_in_the_sweeps_folder(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = rates(outputs, 0.1, 0.2)
    run_sweep(cells)
    out = capsys.readouterr().out
    for cell in cells:
        assert cell.identity in out
    folder = find_sweep(outputs, None)
    assert f"sweep  {folder.path} (MLflow run {next(iter(store.runs))})" in out
    assert folder.table.exists()


def test_pictures_are_attached_to_the_parent(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(comparison: Comparison) -> dict[str, Path]:
        comparison.folder.accuracy.touch()
        return {"accuracy": comparison.folder.accuracy}

    monkeypatch.setattr(files, "draw_pictures", draw)
    run_sweep(rates(outputs, 0.1, 0.2))
    assert "accuracy.png" in parents(store)[0].files


def test_failing_run_does_not_stop_the_others(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, 0.1, RuntimeError("on fire"))
    cells = rates(outputs, 0.1, 0.2, 0.3)
    with pytest.raises(SweepFailedError, match="1 of 3 runs have no result"):
        run_sweep(cells)
    assert set(weights(outputs)) == {cell.identity for cell in cells[1:]}
    assert parents(store)[0].status == "FAILED"
    line = next(line for line in capsys.readouterr().out.splitlines() if cells[0].identity in line)
    assert "failed" in line


def test_run_without_data_is_a_failed_row(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object) -> None:
        raise DataError("put the files there")

    monkeypatch.setattr(attempt, "build_dataset", missing)
    with pytest.raises(SweepFailedError, match="2 of 2"):
        run_sweep(rates(outputs, 0.1, 0.2))
    assert "put the files there" in caplog.text
    assert "Traceback" not in caplog.text
    assert [run.outcome for run in compare(find_sweep(outputs, None)).runs] == ["failed", "failed"]
    assert {run.status for run in store.runs.values()} == {"FAILED"}


def test_diverged_run_is_a_result(outputs: Path, store: Store) -> None:
    run_sweep(rates(outputs, 0.1, 1e30))
    assert [run.tags["outcome"] for run in children(store)] == ["completed", "diverged"]
    assert parents(store)[0].status == "FINISHED"


def test_failed_sweep_is_repaired_by_the_same_command(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, 0.1, RuntimeError("on fire"))
        with pytest.raises(SweepFailedError):
            run_sweep(rates(outputs, 0.1, 0.2))
    run_sweep(rates(outputs, 0.1, 0.2))
    assert len(weights(outputs)) == 2
    assert {run.status for run in store.runs.values()} == {"FINISHED"}
    assert len(parents(store)) == 1


def test_interrupted_sweep_compares_what_is_finished_and_closes_everything(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, 0.2, KeyboardInterrupt())
    cells = rates(outputs, 0.1, 0.2, 0.3)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(cells)
    assert set(weights(outputs)) == {cells[0].identity}
    assert parents(store)[0].status == "KILLED"
    assert "RUNNING" not in {run.status for run in store.runs.values()}
    out = capsys.readouterr().out
    assert "3 runs: 1 completed, 2 unfinished" in out


def test_same_sweep_again_repeats_nothing_and_shows_nothing_twice(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep(rates(outputs, 0.1, 0.2))
    before = weights(outputs)
    shown = {run_id: set(run.metrics) for run_id, run in store.runs.items()}
    monkeypatch.setattr(attempt.Attempt, "train", lambda *_: pytest.fail("trained again"))
    run_sweep(rates(outputs, 0.1, 0.2))
    assert weights(outputs) == before
    assert {run_id: run.metrics for run_id, run in store.runs.items()} == shown
    assert {run.status for run in store.runs.values()} == {"FINISHED"}


def test_run_finished_before_appears_as_a_child(outputs: Path, store: Store) -> None:
    cells = rates(outputs, 0.1, 0.2)
    execute(cells[1].config)
    run_sweep(cells)
    assert [run.name for run in children(store)] == ["lr=0.1", "lr=0.2"]
    assert [step for step, _ in children(store)[1].values("train/loss")] == [1, 2]


def test_sweeps_that_share_a_run_show_it_both(outputs: Path, store: Store) -> None:
    run_sweep(rates(outputs, 0.1, 0.2))
    run_sweep(rates(outputs, 0.2, 0.3))
    assert [run.name for run in children(store)] == ["lr=0.1", "lr=0.2", "lr=0.2", "lr=0.3"]
    assert len({run.tags["sweep.id"] for run in children(store)}) == 2


def test_sweep_id_is_of_the_runs_whatever_their_order_and_folder(tmp_path: Path) -> None:
    own = sweep_id(rates(tmp_path, 0.1, 0.2))
    assert re.fullmatch("[0-9a-f]{12}", own)
    assert sweep_id(rates(tmp_path / "other", 0.2, 0.1)) == own
    assert sweep_id(rates(tmp_path, 0.1, 0.3)) != own
    assert sweep_id(rates(tmp_path, 0.1)) != own


def test_store_that_is_down_stops_no_sweep(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.down = True
    run_sweep(rates(outputs, 0.1, 0.2))
    assert len(weights(outputs)) == 2
    assert "is down" in caplog.text
    store.down = False
    run_sweep(rates(outputs, 0.1, 0.2))
    assert [run.name for run in children(store)] == ["lr=0.1", "lr=0.2"]
    assert {run.status for run in store.runs.values()} == {"FINISHED"}


@pytest.mark.usefixtures("store")
def test_what_came_of_each_run_is_said_with_its_place(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run_sweep(rates(outputs, 0.1, 0.2))
    messages = [record.getMessage() for record in caplog.records]
    lines = [message for message in messages if message.startswith("[")]
    assert len(lines) == 2
    assert re.fullmatch(r"\[1/2\] lr=0\.1  test \d+\.\d\d%  \d+\.\d s", lines[0])
    assert re.fullmatch(r"\[2/2\] lr=0\.2  test \d+\.\d\d%  \d+\.\d s", lines[1])


@pytest.mark.usefixtures("store")
def test_plan_is_written_before_the_first_run_begins(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    cells = rates(outputs, 0.1, 0.2)
    folder = SweepFolder(outputs, sweep_id(cells))

    def spy(config: Config, **keywords: Any) -> Any:
        seen.append([run["identity"] for run in folder.runs()])
        return execute(config, **keywords)

    monkeypatch.setattr(task, "execute", spy)
    run_sweep(cells)
    assert seen == [[cell.identity for cell in cells]] * 2


def test_sweep_stops_after_as_many_failures_as_allowed(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 0.1, RuntimeError("on fire"))
    sweep = SweepConfig(zip=[], exclude=[], max_failures=1, halving=False, min_epochs=1, reduction_factor=2)
    cells = rates(outputs, 0.2, 0.1, 0.3, 0.4, sweep=sweep)
    expected = r"^1 of 4 runs have no result, no more were begun \(sweep.max_failures=1\); the same command tries"
    with pytest.raises(SweepFailedError, match=expected):
        run_sweep(cells)
    assert [run.name for run in children(store)] == ["lr=0.2", "lr=0.1"]
    assert set(weights(outputs)) == {cells[0].identity}


def test_run_that_fails_before_it_is_shown_is_shown_as_failed(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 0.1, MemoryError("too large"))
    with pytest.raises(SweepFailedError):
        run_sweep(rates(outputs, 0.1, 0.2))
    (run,) = [run for run in children(store) if run.name == "lr=0.1"]
    assert (run.status, run.tags["outcome"], run.params["optimizer.lr"]) == ("FAILED", "failed", "0.1")
    assert {"failure.txt", "train.log"} <= set(run.files)


def test_what_runs_say_stays_off_the_terminal_but_their_warnings(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    store.down_after = 12  # amid the second run
    run_sweep(rates(outputs, 0.1, 0.2))
    messages = [record.getMessage() for record in caplog.records]
    assert not any(message.startswith("epoch ") for message in messages)
    assert any(message.startswith("lr=") and "is down" in message for message in messages)
    (log,) = {path.read_text().count(" epoch 1/2 ") for path in (outputs / "runs").glob("*/train.log")}
    assert log == 1


def test_equal_sweep_waits_for_the_one_under_way_and_repeats_nothing(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cells = rates(outputs, 0.1, 0.2)
    other = threading.Thread(target=run_sweep, args=(cells,))
    with held(SweepFolder(outputs, sweep_id(cells)).lock, lambda: None):
        other.start()
        begun = time.monotonic()
        while "another process is at it, waiting" not in caplog.text:
            assert time.monotonic() - begun < 60
            time.sleep(0.01)
        assert store.runs == {}
    other.join(60)
    assert len(weights(outputs)) == 2


def test_what_a_killed_process_had_not_finished_writing_is_removed(outputs: Path, store: Store) -> None:
    cells = rates(outputs, 0.1)
    draft = SweepFolder(outputs, sweep_id(cells)).path / f"sweep.json.{uuid4().hex}.draft"
    draft.parent.mkdir(parents=True)
    draft.write_text("{")
    run_sweep(cells)
    assert parents(store)[0].status == "FINISHED"
    assert not draft.exists()
