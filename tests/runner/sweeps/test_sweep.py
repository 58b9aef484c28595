"""A sweep from its cells to the comparison: nothing that happens to one run stops the others."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from experiments.comparison.comparison import compare
from experiments.config.schema import Config, SweepConfig
from experiments.data.dataset import DataError
from experiments.lock import held
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.status import read_status
from experiments.store.store import Store
from experiments.sweeps import task
from experiments.sweeps.folder import SweepFolder, find_sweep
from experiments.sweeps.sweep import SweepFailedError, run_sweep, sweep_id
from experiments.tracking.outbox import all_folders
from experiments.tracking.targets import targets
from experiments.training.build import build_optimizer
from tests.runner.stores import stored_runs
from tests.runner.sweeps.cells import rates

pytestmark = pytest.mark.usefixtures("unpublished")


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


def outcome(outputs: Path) -> str:
    """Of the only sweep."""
    status = read_status(find_sweep(outputs, None).path)
    assert status is not None
    return status.outcome


def shown(outputs: Path) -> list[tuple[str, str]]:
    """Names that MLflow is to show runs under, and their sweeps."""
    folders = [folder for folder in all_folders(outputs) if folder.parent.name == "runs"]
    return sorted((target.name, target.sweep) for folder in folders for target in targets(folder))


def test_runs_are_the_children_of_one_parent_in_mlflow(outputs: Path, publishing_here: str) -> None:
    cells = rates(outputs, 0.1, 0.2)
    run_sweep(cells)
    runs = stored_runs(publishing_here)
    parent = runs.pop("sweep lr (2 runs)")
    assert parent.status == "FINISHED"
    assert parent.tags["sweep.id"] == sweep_id(cells)
    assert parent.tags["mlflow.note.content"].startswith("## Take lr = ")
    files = {file.path for file in Store(publishing_here).client.list_artifacts(parent.run_id)}
    assert files == {"comparison.html", "comparison.csv", "comparison.json", "accuracy.png", "learning_curves.png"}
    assert runs.keys() == {"lr=0.1", "lr=0.2"}
    for cell in cells:
        run = runs[cell.name]
        assert run.status == "FINISHED"
        assert run.tags["mlflow.parentRunId"] == parent.run_id
        assert run.tags["identity"] == cell.identity
        assert run.tags["sweep.id"] == sweep_id(cells)
        assert run.tags["sweep.overrides"] == f"optimizer.lr={cell.config.optimizer.lr}"


def test_comparison_is_printed_and_where_it_lies(
    outputs: Path, publishing_here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = rates(outputs, 0.1, 0.2)
    run_sweep(cells)
    out = capsys.readouterr().out
    for cell in cells:
        assert cell.identity in out
    folder = find_sweep(outputs, None)
    assert f"sweep  {folder.path} (MLflow run {stored_runs(publishing_here)['sweep lr (2 runs)'].run_id})" in out
    assert f"page   {folder.page}" in out
    assert folder.page.exists()


def test_failing_run_does_not_stop_the_others(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, 0.1, RuntimeError("on fire"))
    cells = rates(outputs, 0.1, 0.2, 0.3)
    with pytest.raises(SweepFailedError, match="1 of 3 runs have no result"):
        run_sweep(cells)
    assert set(weights(outputs)) == {cell.identity for cell in cells[1:]}
    assert outcome(outputs) == "failed"
    line = next(line for line in capsys.readouterr().out.splitlines() if cells[0].identity in line)
    assert "failed" in line


def test_run_without_data_is_a_failed_row(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object) -> None:
        raise DataError("put the files there")

    monkeypatch.setattr(attempt, "build_dataset", missing)
    with pytest.raises(SweepFailedError, match="2 of 2"):
        run_sweep(rates(outputs, 0.1, 0.2))
    assert "put the files there" in caplog.text
    assert "Traceback" not in caplog.text
    assert [run.outcome for run in compare(find_sweep(outputs, None)).runs] == ["failed", "failed"]


def test_diverged_run_is_a_result(outputs: Path) -> None:
    run_sweep(rates(outputs, 0.1, 1e30))
    assert [run.outcome for run in compare(find_sweep(outputs, None)).runs] == ["completed", "diverged"]
    assert outcome(outputs) == "completed"


def test_failed_sweep_is_repaired_by_the_same_command(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(patch, 0.1, RuntimeError("on fire"))
        with pytest.raises(SweepFailedError):
            run_sweep(rates(outputs, 0.1, 0.2))
    run_sweep(rates(outputs, 0.1, 0.2))
    assert len(weights(outputs)) == 2
    assert outcome(outputs) == "completed"


def test_interrupted_sweep_compares_what_is_finished_and_closes_everything(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, 0.2, KeyboardInterrupt())
    cells = rates(outputs, 0.1, 0.2, 0.3)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(cells)
    assert set(weights(outputs)) == {cells[0].identity}
    assert outcome(outputs) == "interrupted"
    out = capsys.readouterr().out
    assert "3 runs: 1 completed, 2 unfinished" in out


def test_same_sweep_again_repeats_nothing_and_is_shown_where_it_was(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep(rates(outputs, 0.1, 0.2))
    before = weights(outputs)
    where = [targets(folder) for folder in all_folders(outputs)]
    monkeypatch.setattr(attempt.Attempt, "train", lambda *_: pytest.fail("trained again"))
    run_sweep(rates(outputs, 0.1, 0.2))
    assert weights(outputs) == before
    assert [targets(folder) for folder in all_folders(outputs)] == where
    assert outcome(outputs) == "completed"


def test_run_finished_before_appears_as_a_child(outputs: Path) -> None:
    cells = rates(outputs, 0.1, 0.2)
    execute(cells[1].config)
    run_sweep(cells)
    sweep = sweep_id(cells)
    assert shown(outputs) == [("lr=0.1", sweep), ("lr=0.2", sweep), ("synthetic lr=0.2 batch_size=10", "")]


def test_sweeps_that_share_a_run_show_it_both(outputs: Path) -> None:
    run_sweep(rates(outputs, 0.1, 0.2))
    run_sweep(rates(outputs, 0.2, 0.3))
    assert [name for name, _ in shown(outputs)] == ["lr=0.1", "lr=0.2", "lr=0.2", "lr=0.3"]
    assert len({sweep for _, sweep in shown(outputs)}) == 2


def test_sweep_id_is_of_the_runs_whatever_their_order_and_folder(tmp_path: Path) -> None:
    own = sweep_id(rates(tmp_path, 0.1, 0.2))
    assert re.fullmatch("[0-9a-f]{12}", own)
    assert sweep_id(rates(tmp_path / "other", 0.2, 0.1)) == own
    assert sweep_id(rates(tmp_path, 0.1, 0.3)) != own
    assert sweep_id(rates(tmp_path, 0.1)) != own


def test_what_came_of_each_run_is_said_with_its_place(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run_sweep(rates(outputs, 0.1, 0.2))
    messages = [record.getMessage() for record in caplog.records]
    lines = [message for message in messages if message.startswith("[")]
    assert len(lines) == 2
    assert re.fullmatch(r"\[1/2\] lr=0\.1  test \d+\.\d\d%  \d+\.\d s", lines[0])
    assert re.fullmatch(r"\[2/2\] lr=0\.2  test \d+\.\d\d%  \d+\.\d s", lines[1])


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


def test_sweep_stops_after_as_many_failures_as_allowed(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 0.1, RuntimeError("on fire"))
    sweep = SweepConfig(zip=[], exclude=[], max_failures=1, halving=False, min_epochs=1, reduction_factor=2)
    cells = rates(outputs, 0.2, 0.1, 0.3, 0.4, sweep=sweep)
    expected = r"^1 of 4 runs have no result, no more were begun \(sweep.max_failures=1\); the same command tries"
    with pytest.raises(SweepFailedError, match=expected):
        run_sweep(cells)
    assert [name for name, _ in shown(outputs)] == ["lr=0.1", "lr=0.2"]
    assert set(weights(outputs)) == {cells[0].identity}


def test_run_that_fails_before_its_first_epoch_is_shown_as_failed(
    outputs: Path, publishing_here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 0.1, MemoryError("too large"))
    with pytest.raises(SweepFailedError):
        run_sweep(rates(outputs, 0.1, 0.2))
    run = stored_runs(publishing_here)["lr=0.1"]
    assert (run.status, run.tags["outcome"], run.params["optimizer.lr"]) == ("FAILED", "failed", "0.1")
    files = {file.path for file in Store(publishing_here).client.list_artifacts(run.run_id)}
    assert {"failure.txt", "train.log"} <= files


def test_what_runs_say_stays_off_the_terminal_but_their_warnings(
    outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cells = rates(outputs, 0.1, 0.2)
    execute(cells[1].config, pause_after=1)
    folder = RunFolder(outputs, cells[1].identity)
    folder.checkpoint.write_bytes(b"not an archive")
    caplog.clear()
    run_sweep(cells)
    messages = [record.getMessage() for record in caplog.records]
    assert not any(message.startswith("epoch ") for message in messages)
    assert any(message.startswith("lr=0.2: ") and "begins anew" in message for message in messages)
    assert folder.log.read_text().count(" epoch 2/2 ") == 1


def test_equal_sweep_waits_for_the_one_under_way_and_repeats_nothing(
    outputs: Path, caplog: pytest.LogCaptureFixture
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
        assert not (outputs / "runs").exists()
    other.join(60)
    assert len(weights(outputs)) == 2


def test_what_a_killed_process_had_not_finished_writing_is_removed(outputs: Path) -> None:
    cells = rates(outputs, 0.1)
    draft = SweepFolder(outputs, sweep_id(cells)).path / f"sweep.json.{uuid4().hex}.draft"
    draft.parent.mkdir(parents=True)
    draft.write_text("{")
    run_sweep(cells)
    assert not draft.exists()
