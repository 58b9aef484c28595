"""`python -m experiments.train`: what a run and a sweep say, where they say it, and how they exit."""

import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from experiments.data.dataset import DataError
from experiments.runs import attempt
from experiments.runs.folder import RunFolder
from experiments.runs.status import read_status
from experiments.sweeps.folder import find_sweep
from experiments.training.build import build_dataset
from tests.runner.conftest import Command
from tests.runner.stores import stored_runs

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def raising(error: BaseException) -> Any:
    def raise_it(*_: object, **_keywords: object) -> None:
        raise error

    return raise_it


def only_run(outputs: Path) -> RunFolder:
    (path,) = (outputs / "runs").iterdir()
    return RunFolder(outputs, path.name)


def outcome(outputs: Path) -> str:
    status = read_status(only_run(outputs).path)
    assert status is not None
    return status.outcome


def test_result_goes_to_stdout_and_progress_to_stderr(
    train_command: Command, words: list[str], outputs: Path, publishing_here: str
) -> None:
    code, out, err = train_command(*words)
    (run_id,) = [run.run_id for run in stored_runs(publishing_here).values()]
    folder = only_run(outputs)
    summary = folder.summary()
    assert summary is not None
    assert code == 0
    first, run, opens = out.splitlines()
    assert first.startswith(f"test accuracy {summary['final']['test/accuracy']:.2%}")
    assert run == f"run   {folder.path} (MLflow run {run_id})"
    assert opens == f"open  python -m experiments.ui --outputs-dir {outputs}"
    lines = err.splitlines()
    assert lines[0].startswith(f"run {folder.identity}: synthetic, 24 images to train on, 12 to test; ")
    table = lines[1:-2]
    assert table[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds"]
    assert all(line.startswith("  ") for line in table)
    assert [line[:9] for line in lines[-2:]] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("more", [[], ["-m", "seed=0,1"]])
def test_store_is_named_where_mlflows_own_variable_names_another(
    more: list[str], train_command: Command, words: list[str], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@host:5000")
    ignored = f"MLFLOW_TRACKING_URI is ignored, sqlite:///{outputs}/mlflow.db is used"
    said = train_command(*words, *more, "dry_run=true").err
    assert said.splitlines()[0] == f"{ignored}; tracking.uri=$MLFLOW_TRACKING_URI chooses the other"
    assert "MLFLOW" not in train_command(*words, *more, "dry_run=true", "tracking.uri=http://other").err


def test_validation_part_is_counted_and_shown(train_command: Command, words: list[str]) -> None:
    _, _, err = train_command(*words, "data.validation_fraction=0.25")
    assert "18 images to train on, 6 to validate, 12 to test" in err
    assert err.count("  val ") == 2


def test_finished_run_is_answered_from_its_folder(train_command: Command, words: list[str]) -> None:
    _, first, _ = train_command(*words)
    code, again, err = train_command(*words)
    assert (code, again) == (0, first)
    assert "is already finished; force=true repeats it" in err


def test_diverged_run_does_not_exit_with_success(train_command: Command, words: list[str]) -> None:
    code, out, err = train_command(*words, "optimizer.lr=1e30")
    assert code == FAILED
    assert "test accuracy" not in out
    assert "diverged" in err.splitlines()[-1]
    assert "smaller optimizer.lr" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_missing_data_are_answered_in_a_line(
    train_command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "build_dataset", raising(DataError("no file: put it there")))
    code, out, err = train_command(*words)
    assert (code, out) == (FAILED, "")
    assert err.splitlines()[-1] == "no file: put it there"
    assert len(err.splitlines()) <= 2


def test_interruption_has_its_own_exit_code(
    train_command: Command, words: list[str], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "build_dataset", raising(KeyboardInterrupt()))
    code, _, err = train_command(*words)
    assert code == INTERRUPTED
    assert "interrupted; the same command begins it again" in err
    assert outcome(outputs) == "interrupted"


def test_termination_is_an_interruption(
    train_command: Command, words: list[str], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGTERM, lambda *_: pytest.fail("the command does not hear it"))
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    code, _, _ = train_command(*words)
    assert code == INTERRUPTED
    assert outcome(outputs) == "interrupted"


def test_run_goes_on_without_its_server_and_is_shown_later(
    train_command: Command, words: list[str], publishing_here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    nowhere = "http://127.0.0.1:9"  # the port of a service that nobody runs any more
    code, out, err = train_command(*words, f"tracking.uri={nowhere}")
    assert code == 0
    assert "MLflow run" not in out
    assert err.count(f"tracking.uri={nowhere}: cannot be reached: Connection refused") == 1
    for _ in range(2):
        code, out, _ = train_command(*words, f"tracking.uri={publishing_here}")
        assert code == 0
        assert "MLflow run" in out
    (run,) = stored_runs(publishing_here).values()
    assert (run.status, run.tags["outcome"]) == ("FINISHED", "completed")


def test_fault_of_the_program_is_not_hidden(
    train_command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "build_dataset", raising(ZeroDivisionError("a fault")))
    with pytest.raises(ZeroDivisionError, match="a fault"):
        train_command(*words)


def test_whole_traceback_of_a_refusal_can_be_asked_for(
    train_command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "HYDRA_FULL_ERROR": "1"})
    monkeypatch.setattr(monkeypatch, "setenv", lambda *_: None)
    with pytest.raises(Exception, match="batch_size"):
        train_command(*words, "data.batch_size=x")


def test_sweep_prints_a_table_and_where_it_lies(train_command: Command, words: list[str], outputs: Path) -> None:
    code, out, err = train_command("-m", *words, "optimizer.lr=0.1,0.2", "data.batch_size=8,12")
    (sweep,) = (outputs / "sweeps").iterdir()
    assert code == 0
    assert f"sweep  {sweep}" in out
    for run in (outputs / "runs").iterdir():
        assert run.name in out  # the table is not cut, although this is no terminal
    lines = [line.partition("  ")[0] for line in err.splitlines() if line.startswith("[")]
    assert lines == [
        "[1/4] batch_size=8 lr=0.1", "[2/4] batch_size=8 lr=0.2",
        "[3/4] batch_size=12 lr=0.1", "[4/4] batch_size=12 lr=0.2",
    ]  # fmt: skip
    locks = {"lock", "publish.lock"}
    assert {path.name for path in sweep.iterdir()} == {"sweep.json", "targets.json", "status.json", *locks}
    assert len(list((outputs / "runs").iterdir())) == 4
    assert {path.name for path in outputs.iterdir()} == {"runs", "sweeps", "outbox"}  # nothing of Hydra's own


def test_preset_is_a_sweep_whose_values_can_be_replaced(
    train_command: Command, words: list[str], outputs: Path
) -> None:
    code, _, _ = train_command("sweep=lr_batch_size", *words, "optimizer.lr=0.1,0.2", "data.batch_size=8")
    assert code == 0
    assert [run["name"] for run in find_sweep(outputs, None).runs()] == ["lr=0.1", "lr=0.2"]


def test_failing_run_of_a_sweep_makes_the_command_fail(
    train_command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(data: Any, seed: int, *_: object) -> Any:
        if seed == 1:
            raise ZeroDivisionError("a fault")
        return build_dataset(data, seed)

    monkeypatch.setattr(attempt, "build_dataset", built)
    code, out, err = train_command("-m", *words, "seed=0,1")
    assert code == FAILED
    assert "2 runs: 1 completed, 1 failed" in out
    assert "ZeroDivisionError: a fault" in out
    assert "1 of 2 runs have no result" in err.splitlines()[-1]


def test_interrupted_sweep_has_the_exit_code_of_an_interruption(
    train_command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "build_dataset", raising(KeyboardInterrupt()))
    code, out, err = train_command("-m", *words, "seed=0,1")
    assert code == INTERRUPTED
    assert "2 runs: 2 unfinished" in out
    assert "the sweep was interrupted; the same command goes on with it" in err


def test_own_files_are_found_in_a_folder_of_the_users(
    train_command: Command, words: list[str], outputs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    own = "# @package _global_\noptimizer:\n  lr: 0.125\n"
    (tmp_path / "mine" / "experiment" / "gentle.yaml").write_text(own)
    code, _, _ = train_command(f"--config-dir={tmp_path}/mine", "experiment=gentle", *words[:-2], words[-1])
    assert code == 0
    assert "lr: 0.125" in only_run(outputs).config.read_text()


def test_verbose_run_shows_what_libraries_say(train_command: Command, words: list[str]) -> None:
    code, out, err = train_command(*words, "hydra.verbose=true")
    assert code == 0
    assert out.startswith("test accuracy")
    assert "epoch 2/2" in err
    assert logging.getLogger().level == logging.DEBUG


def test_log_of_the_run_has_what_the_terminal_shows(train_command: Command, words: list[str], outputs: Path) -> None:
    _, _, err = train_command(*words)
    log = only_run(outputs).log.read_text()
    assert [line.split(" INFO ")[1] for line in log.splitlines()] == err.splitlines()
