"""The command that uploads what tracking stores missed."""

import json
from pathlib import Path

import pytest
from experiments.recorders.book import BOOK
from experiments.recorders.tracked_run import SweepPart

from experiments import sync
from experiments.tracking.client import TrackerError
from experiments.tracking.store import Store as StoreOnTheWhole
from tests.runner.doubles import Store
from tests.runner.recorders.folders import IDENTITY, SWEEP, URI, begun, ended, killed, run_folder, tracked


@pytest.fixture(autouse=True)
def known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store in memory also says which runs there are."""

    def run_ids(_: object) -> set[str]:
        if store.down:
            raise TrackerError("is down")
        return set(store.runs)

    monkeypatch.setattr(StoreOnTheWhole, "run_ids", run_ids)
    monkeypatch.setattr(StoreOnTheWhole, "knows", lambda _, run_id: run_id in store.runs)
    monkeypatch.setattr(StoreOnTheWhole, "is_missing", lambda asked: "/old/" in asked.uri)


def called(outputs: Path, *words: str) -> int:
    return sync.main(["--outputs-dir", str(outputs), *words])


def test_nothing_missing_is_said(outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    ended(run_folder(outputs))
    before = store.calls
    assert called(outputs) == 0
    assert capsys.readouterr().out == f"nothing is missing of the runs in {outputs}\n"
    assert store.calls == before


def test_nothing_missing_at_a_named_store_is_said_of_that_store(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(run_folder(outputs))
    assert called(outputs, "--tracking-uri", URI) == 0
    said = f"nothing is missing of the runs in {outputs}"
    assert capsys.readouterr().out == f"{said} that were to be shown at {URI}; --all adds the others\n"
    assert len(store.runs) == 1
    assert called(outputs, "--tracking-uri", URI, "--all") == 0
    assert capsys.readouterr().out == f"{said}\n"


def test_folder_without_runs_misses_nothing(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs.mkdir()
    assert called(outputs) == 0
    assert "nothing is missing" in capsys.readouterr().out


def test_what_is_missing_is_uploaded_and_counted(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.down = True
    ended(run_folder(outputs))
    killed(run_folder(outputs, SWEEP))
    store.down = False
    assert called(outputs) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"run {IDENTITY}  2 epochs",
        f"run {SWEEP}  1 epoch  its process is gone, now KILLED",
        f"{URI}: 2 runs brought up to date",
    ]
    assert [run.status for run in store.runs.values()] == ["FINISHED", "KILLED"]


def test_store_that_still_fails_is_a_line_and_exit_1(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.down = True
    ended(run_folder(outputs))
    assert called(outputs) == 1
    assert capsys.readouterr().err == f"tracking.uri={URI}: 1 run still incomplete; is down\n"


def test_run_that_somebody_is_at_is_left_to_them(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun(run_folder(outputs))
    assert called(outputs) == 1
    assert "1 run still incomplete; somebody is at it" in capsys.readouterr().err
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert store.only.status == "FINISHED"
    assert called(outputs) == 0


def test_only_the_store_that_is_named_is_asked(outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.down = True
    ended(run_folder(outputs))
    store.down = False
    assert called(outputs, "--tracking-uri", "http://user:secret@127.0.0.1:9") == 0
    assert store.runs == {}
    assert "secret" not in "".join(capsys.readouterr())
    assert called(outputs, "--tracking-uri", URI) == 0
    assert store.only.status == "FINISHED"


def test_password_of_the_store_is_found_by_its_address(outputs: Path, store: Store) -> None:
    store.down = True
    folder = run_folder(outputs)
    ended(folder)
    store.down = False
    book = json.loads((folder / BOOK).read_text())
    (folder / BOOK).write_text(json.dumps({"http://host|cnn|": book[f"{URI}|cnn|"]}))
    assert called(outputs, "--tracking-uri", "http://user:secret@host") == 0
    assert store.only.status == "FINISHED"


def test_store_that_was_lost_is_made_again(outputs: Path, store: Store) -> None:
    ended(run_folder(outputs))
    before = store.only
    store.runs.clear()
    assert called(outputs, "--tracking-uri", URI) == 0
    assert store.only is not before
    assert (store.only.tags, store.only.metrics) == (before.tags, before.metrics)
    assert (store.only.begun_ms, store.only.ended_ms) == (before.begun_ms, before.ended_ms)
    assert called(outputs, "--tracking-uri", URI) == 0
    assert len(store.runs) == 1


def test_run_that_another_process_shows_meanwhile_is_not_shown_again(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_before(_: object) -> set[str]:
        ended(run_folder(outputs))  # the other process shows it, and is done with the folder
        return set()

    monkeypatch.setattr(StoreOnTheWhole, "run_ids", asked_before)
    outputs.mkdir()
    assert called(outputs, "--tracking-uri", URI) == 0
    assert store.only.status == "FINISHED"


def test_all_runs_are_shown_in_another_store_when_asked(
    outputs: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(run_folder(outputs, SWEEP, "sweeps"), 0)
    ended(run_folder(outputs), SweepPart(SWEEP, "seed=0"))
    assert called(outputs) == 0
    other = "http://user:secret@elsewhere"
    assert called(outputs, "--tracking-uri", other) == 0
    assert len(store.runs) == 2
    capsys.readouterr()
    for copies in (2, 0):
        assert called(outputs, "--tracking-uri", other, "--all") == 0
        assert len(store.runs) == 4
        out = capsys.readouterr().out
        assert ("http://elsewhere: 2 runs brought up to date" in out) == bool(copies)
    sweep, run = list(store.runs.values())[2:]
    assert run.parent == sweep.run_id
    assert run.values("train/loss") == [(1, 1.0), (2, 0.5)]


def test_stores_are_named_where_mlflows_own_variable_names_another(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://another")
    outputs.mkdir()
    said = "MLFLOW_TRACKING_URI is ignored, {} is used; --tracking-uri $MLFLOW_TRACKING_URI chooses the other\n"
    assert called(outputs) == 0
    assert capsys.readouterr().err == said.format(f"sqlite:///{outputs}/mlflow.db")
    assert called(outputs, "--tracking-uri", URI) == 0
    assert capsys.readouterr().err == ""


def test_moved_folder_is_no_reason_to_make_the_old_one_again(
    outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tracked(run_folder(outputs), uri=f"sqlite:///{tmp_path}/old/mlflow.db")
    run.begin({}, {}, [], [])
    run.kill()
    assert called(outputs) == 1
    said = capsys.readouterr().err
    assert "there is no such database; if the outputs folder was moved, python -m experiments.sync" in said
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
