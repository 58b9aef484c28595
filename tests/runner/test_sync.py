"""The command that uploads what tracking stores missed."""

from pathlib import Path

import pytest

from experiments import sync
from experiments.lock import held
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.status import write_status
from experiments.sweeps.sweep import run_sweep
from experiments.tracking.outbox import exclusive
from tests.runner.configs import small_config
from tests.runner.stores import make_store, published, stored_runs
from tests.runner.sweeps.cells import rates

NOWHERE = "http://127.0.0.1:9"  # the port of a service that nobody runs any more


def called(outputs: Path, *words: str) -> int:
    return sync.main(["--outputs-dir", str(outputs), *words])


def killed(outputs: Path) -> RunFolder:
    """A run whose process was killed in its second epoch."""
    folder = execute(small_config(outputs, seed=1), name="killed", pause_after=1).folder
    write_status(folder.path, "running")
    return folder


def test_nothing_missing_is_said_and_of_which_store(
    outputs: Path, store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(small_config(outputs))
    published(store_uri, outputs)
    said = f"nothing is missing of the runs in {outputs}"
    assert called(outputs) == 0
    assert capsys.readouterr().out == f"{said}\n"
    assert called(outputs, "--tracking-uri", store_uri) == 0
    assert capsys.readouterr().out == f"{said} that were to be shown at {store_uri}; --all adds the others\n"
    assert called(outputs, "--tracking-uri", store_uri, "--all") == 0
    assert capsys.readouterr().out == f"{said}\n"


def test_folder_without_runs_misses_nothing(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs.mkdir()
    assert called(outputs) == 0
    assert "nothing is missing" in capsys.readouterr().out


def test_what_is_missing_is_uploaded_and_counted(
    outputs: Path, store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    finished, stopped = execute(small_config(outputs), name="finished").folder, killed(outputs)
    assert called(outputs) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        [
            f"run {finished.identity}  2 epochs",
            f"run {stopped.identity}  1 epoch  its process is gone, now KILLED",
        ]
    )
    assert {name: run.status for name, run in stored_runs(store_uri).items()} == {
        "finished": "FINISHED",
        "killed": "KILLED",
    }


def test_store_that_still_fails_is_a_line_and_exit_1(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    execute(small_config(outputs, tracking__uri=NOWHERE))
    assert called(outputs) == 1
    said = f"tracking.uri={NOWHERE}: cannot be reached: Connection refused; 1 run not complete there\n"
    assert capsys.readouterr().err == said


def test_run_that_a_process_is_at_is_left_to_it(
    outputs: Path, store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = killed(outputs)
    with held(folder.lock, lambda: None):
        assert called(outputs) == 1
    assert "a process is at 1 run: its own command goes on" in capsys.readouterr().err
    assert stored_runs(store_uri)["killed"].status == "RUNNING"


def test_run_that_another_command_is_publishing_is_no_reason_to_say_that_nothing_is_missing(
    outputs: Path, store_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = execute(small_config(outputs, tracking__uri=store_uri)).folder
    monkeypatch.setattr("experiments.tracking.reconcile._PATIENCE", 0.01)
    with exclusive(folder.path):
        assert called(outputs) == 1
    assert capsys.readouterr().err == f"{folder.path}: another process is publishing it\n"


def test_only_the_store_that_is_named_is_asked(
    outputs: Path, store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(small_config(outputs))
    assert called(outputs, "--tracking-uri", NOWHERE.replace("//", "//user:secret@")) == 0
    assert "secret" not in "".join(capsys.readouterr())
    assert stored_runs(store_uri) == {}


def test_all_runs_are_shown_in_another_store_when_asked(
    outputs: Path,
    store_uri: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    unpublished: None,  # noqa: ARG001
) -> None:
    run_sweep(rates(outputs, 0.1, 0.2))
    published(store_uri, outputs)
    other = make_store(tmp_path / "other", tmp_path_factory)
    assert called(outputs, "--tracking-uri", other) == 0
    assert stored_runs(other) == {}
    assert called(outputs, "--tracking-uri", other, "--all") == 0
    runs = stored_runs(other)
    assert runs.keys() == {"sweep lr (2 runs)", "lr=0.1", "lr=0.2"}
    assert runs["lr=0.1"].tags["mlflow.parentRunId"] == runs["sweep lr (2 runs)"].run_id
    assert runs["lr=0.1"].metrics == stored_runs(store_uri)["lr=0.1"].metrics
    assert called(outputs, "--tracking-uri", other, "--all") == 0
    assert len(stored_runs(other)) == 3


def test_stores_are_named_where_mlflows_own_variable_names_another(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://another")
    outputs.mkdir()
    said = "MLFLOW_TRACKING_URI is ignored, {} is used; --tracking-uri $MLFLOW_TRACKING_URI chooses the other\n"
    assert called(outputs) == 0
    assert capsys.readouterr().err == said.format(f"sqlite:///{outputs}/mlflow.db")
    assert called(outputs, "--tracking-uri", "sqlite:////tmp/mlflow.db") == 0
    assert capsys.readouterr().err == ""


def test_moved_folder_is_no_reason_to_make_the_old_one_again(
    outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(small_config(outputs, tracking__uri=f"sqlite:///{tmp_path}/old/mlflow.db"))
    assert called(outputs) == 1
    said = capsys.readouterr().err
    assert "there is no such database; --tracking-uri" in said
    assert f"--tracking-uri sqlite:///{outputs}/mlflow.db --all" in said
    assert not (tmp_path / "old").exists()


def test_all_runs_need_a_place(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        called(outputs, "--all")
    assert end.value.code == 2
    assert "--all needs --tracking-uri" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sync.main(["--help"])
    assert end.value.code == 0
    assert "example: python -m experiments.sync" in capsys.readouterr().out
