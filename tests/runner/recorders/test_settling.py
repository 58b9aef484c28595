"""What earlier commands left: runs without a process are closed, what a store missed is uploaded, the rest is left."""

import logging
import os
from pathlib import Path
from shutil import rmtree

import pytest
from experiments.recorders.book import BOOK, entries
from experiments.recorders.pending import all_folders, note_run, noted_runs, pending, pending_folders
from experiments.recorders.settling import settle, settle_pending, stores_missing
from experiments.recorders.tracked_run import SweepPart
from experiments.recorders.uploader import uploader
from filelock import FileLock

from experiments.tracking.client import StoreRefusesError, TrackerError
from tests.runner.doubles import Store
from tests.runner.recorders.folders import IDENTITY, SWEEP, URI, begun, ended, killed, run_folder, tracked


def states(store: Store) -> list[tuple[str, str | None]]:
    return [(run.status, run.tags.get("outcome")) for run in store.runs.values()]


def test_run_without_a_process_is_closed(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    killed(run_folder(outputs))
    assert states(store) == [("RUNNING", None)]
    settle_pending(URI, outputs)
    assert states(store) == [("KILLED", "interrupted")]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("1 run was RUNNING in MLflow without a process")


@pytest.mark.parametrize(("begun_s", "epochs", "ended_ms"), [(0.5, 2, 1002), (1.5, 2, 1500), (0.5, 0, 3_000_000)])
def test_run_without_a_process_ended_with_its_last_epoch_and_not_when_that_was_found_out(
    begun_s: float, epochs: int, ended_ms: int, outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.recorders.view.time.time", lambda: begun_s)
    uploader(URI, outputs)._looking_around = False  # it would settle what it is itself about to leave
    killed(run_folder(outputs), epochs)
    monkeypatch.setattr("experiments.recorders.view.time.time", lambda: 3000.0)
    settle_pending(URI, outputs)
    assert store.only.ended_ms == ended_ms


def test_run_without_a_process_shows_the_files_it_has_left(outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    for name in ("environment.json", "train.log", "checkpoint.npz"):
        (folder / name).touch()
    uploader(URI, outputs)._looking_around = False  # it would settle what it is itself about to leave
    killed(folder)
    settle_pending(URI, outputs)
    assert sorted(store.only.files) == ["environment.json", "history.jsonl", "train.log"]


def test_run_that_somebody_is_at_is_left_alone(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    folder = run_folder(outputs)
    killed(folder)
    with FileLock(folder / "lock"):
        settle_pending(URI, outputs)
        assert settle(folder, URI) is None
    assert states(store) == [("RUNNING", None)]
    assert caplog.records == []
    settle_pending(URI, outputs)
    assert states(store) == [("KILLED", "interrupted")]


def test_same_run_on_another_machine_is_left_alone(outputs: Path, store: Store, tmp_path: Path) -> None:
    # both machines show it on one server; the identity is the same, the books are not
    killed(run_folder(tmp_path / "other machine"))
    ended(run_folder(outputs))
    settle_pending(URI, outputs)
    assert states(store)[0] == ("RUNNING", None)


def test_every_view_of_a_run_is_closed(outputs: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    folder, sweep = run_folder(outputs), run_folder(outputs, SWEEP, "sweeps")
    killed(folder)
    (folder / "history.jsonl").unlink()
    killed(sweep, epochs=0)
    killed(folder, part=SweepPart(SWEEP, "seed=0"))
    settle_pending(URI, outputs)
    assert states(store) == [("KILLED", "interrupted")] * 3
    assert caplog.text.count("3 runs were RUNNING") == 1


def test_what_a_store_missed_is_uploaded_once(outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    store.down = True
    ended(folder)
    store.down = False
    settled = settle(folder, URI)
    assert settled is not None
    assert (settled.views, settled.epochs, settled.closed) == (1, 2, 0)
    assert states(store) == [("FINISHED", "completed")]
    assert store.only.values("train/loss") == [(1, 1.0), (2, 0.5)]
    assert store.only.values("best/epoch") == [(2, 2.0)]
    assert store.only.files == ["history.jsonl"]
    before = store.calls
    assert settle(folder, URI) is None
    assert store.calls == before


def test_runs_of_a_sweep_that_was_never_shown_become_its_children(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.recorders.uploader._PARENT_PATIENCE", 1)  # nobody shows the sweep meanwhile
    store.down = True
    killed(run_folder(outputs, SWEEP, "sweeps"), epochs=0)
    ended(run_folder(outputs), part=SweepPart(SWEEP, "seed=0"))
    store.down = False
    settle_pending(URI, outputs)
    sweep, run = store.runs.values()
    assert run.parent == sweep.run_id
    assert states(store) == [("KILLED", "interrupted"), ("FINISHED", "completed")]


def test_run_whose_sweep_was_removed_by_hand_is_shown_by_itself(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.recorders.uploader._PARENT_PATIENCE", 1)  # nobody shows the sweep meanwhile
    store.down = True
    sweep = run_folder(outputs, SWEEP, "sweeps")
    killed(sweep, epochs=0)
    ended(run_folder(outputs), part=SweepPart(SWEEP, "seed=0"))
    rmtree(sweep)
    store.down = False
    settle_pending(URI, outputs)
    assert (store.only.parent, store.only.status) == (None, "FINISHED")
    assert store.only.tags["sweep.id"] == SWEEP


def test_command_that_has_nothing_to_show_settles_what_others_left(outputs: Path, store: Store) -> None:
    killed(run_folder(outputs))
    uploader.cache_clear()  # as in another process
    uploader(URI, outputs).finish(0)
    assert states(store) == [("KILLED", "interrupted")]
    assert list(pending_folders(outputs)) == []


def test_link_in_a_run_folder_is_not_followed(outputs: Path, store: Store) -> None:
    # an outputs folder from a stranger would have files of this machine uploaded to a server of theirs
    store.down = True
    folder = run_folder(outputs)
    (outputs / "secret").write_text("not theirs")
    (folder / "config.yaml").symlink_to(outputs / "secret")
    ended(folder)
    store.down = False
    settle_pending(URI, outputs)
    assert store.only.files == ["history.jsonl"]


def test_other_stores_are_not_asked(outputs: Path, store: Store) -> None:
    store.down = True
    ended(run_folder(outputs))
    store.down = False
    before = store.calls
    assert settle(run_folder(outputs), "memory://other") is None
    assert store.calls == before


@pytest.mark.parametrize("calls", range(10))
def test_settling_that_is_cut_off_goes_on_where_it_was(calls: int, outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    killed(folder, 2)
    store.down_after = store.calls + calls
    try:
        settle(folder, URI)
    except TrackerError:
        store.down_after = None
        settle(folder, URI)
    assert states(store) == [("KILLED", "interrupted")]
    assert store.only.values("train/loss") == [(1, 1.0), (2, 0.5)]


def test_store_that_is_down_is_said_once_and_stops_nothing(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1" * 12, "2" * 12):
        killed(run_folder(outputs, name))
    store.down = True
    settle_pending(URI, outputs)
    assert [record.getMessage() for record in caplog.records] == ["is down"]
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_failure_in_the_middle_leaves_the_rest_to_the_next(outputs: Path, store: Store) -> None:
    killed(run_folder(outputs, IDENTITY))
    killed(run_folder(outputs, SWEEP))
    store.down_after = store.calls + 4  # one of two is closed
    settle_pending(URI, outputs)
    assert sorted(status for status, _ in states(store)) == ["KILLED", "RUNNING"]
    store.down_after = None
    settle_pending(URI, outputs)
    assert states(store) == [("KILLED", "interrupted")] * 2


def test_closed_run_is_gone_on_with_by_the_same_command(outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    run_id = killed(folder).run_id
    settle_pending(URI, outputs)
    again = tracked(folder)
    again.begin({}, {}, [], [])  # it has lost the epoch that the store shows
    again.end("FINISHED", {"outcome": "completed"}, {}, [])
    again.close()
    assert again.run_id != run_id
    assert states(store) == [("KILLED", "interrupted"), ("FINISHED", "completed")]


@pytest.mark.parametrize(
    "book",
    [
        "",
        "[]",
        '{"sqlite:////dev/null/mlflow.db|cnn|": 3}',
        '{"sqlite:////dev/null/mlflow.db|cnn|": {"run_id": "run0"}}',
    ],
)
def test_damaged_book_claims_nothing(book: str, outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    killed(folder)
    (folder / BOOK).write_text(book)
    settle_pending(URI, outputs)
    assert states(store) == [("RUNNING", None)]


def test_missing_views_are_counted_by_store(outputs: Path, store: Store) -> None:
    store.down = True
    for name in ("1" * 12, "2" * 12):
        ended(run_folder(outputs, name))
    assert stores_missing(outputs) == {URI: 2}
    store.down = False
    settle_pending(URI, outputs)
    assert stores_missing(outputs) == {}


# Which folders are pending


def test_folder_is_pending_until_a_store_shows_its_end(outputs: Path, store: Store) -> None:
    folder = run_folder(outputs)
    run = begun(folder)
    assert list(pending_folders(outputs)) == [folder]
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert list(pending_folders(outputs)) == []
    assert all(entry.complete for entry in entries(folder / BOOK).values())
    assert store.only.status == "FINISHED"


@pytest.mark.usefixtures("store")
def test_mark_that_a_killed_process_left_is_taken_back_unless_somebody_is_at_the_folder(outputs: Path) -> None:
    folder = run_folder(outputs)
    ended(folder)
    pending(folder)
    with FileLock(folder / "lock"):  # about to write what a store is to show
        settle_pending(URI, outputs)
        assert list(pending_folders(outputs)) == [folder]
    settle_pending(URI, outputs)
    assert list(pending_folders(outputs)) == []


def test_sweeps_come_before_their_runs(outputs: Path, store: Store) -> None:
    store.down = True
    for kind in ("reruns", "runs", "sweeps"):
        killed(run_folder(outputs, kind=kind), 0)
    kinds = ["sweeps", "runs", "reruns"]
    assert [folder.parent.name for folder in pending_folders(outputs)] == kinds
    assert [folder.parent.name for folder in all_folders(outputs)] == kinds


def test_folder_that_was_removed_by_hand_is_forgotten(outputs: Path, store: Store) -> None:
    store.down = True
    folder = run_folder(outputs)
    killed(folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert list(pending_folders(outputs)) == []
    assert list((outputs / "pending").iterdir()) == []


def test_run_whose_sweep_is_not_shown_yet_holds_up_no_other(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("experiments.recorders.uploader._PARENT_PATIENCE", 1)  # nobody shows the sweep meanwhile
    store.down = True
    sweep = run_folder(outputs, SWEEP, "sweeps")
    killed(sweep, epochs=0)
    ended(run_folder(outputs, "1" * 12), part=SweepPart(SWEEP, "seed=0"))
    ended(run_folder(outputs, "2" * 12))
    store.down = False
    caplog.clear()
    with FileLock(sweep / "lock"):  # its process is at it, and has not come to show it
        settle_pending(URI, outputs)
    assert [run.tags["identity"] for run in store.runs.values()] == ["2" * 12]
    assert caplog.messages == [f"{URI} does not show the sweep {SWEEP} yet"]
    settle_pending(URI, outputs)
    assert len(store.runs) == 3


def test_run_that_the_store_refuses_holds_up_no_other(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1" * 12, "2" * 12):
        killed(run_folder(outputs, name))
    params = store.params

    def refusing(run_id: str) -> set[str] | None:
        if run_id == "run0":
            raise StoreRefusesError("tracking.experiment=cnn: was deleted")
        return params(run_id)

    store.params = refusing  # type: ignore[method-assign]  # a store that refuses one run
    settle_pending(URI, outputs)
    assert states(store) == [("RUNNING", None), ("KILLED", "interrupted")]
    assert "tracking.experiment=cnn: was deleted" in caplog.text


def test_run_whose_history_is_no_file_holds_up_no_other(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1" * 12, "2" * 12):
        killed(run_folder(outputs, name))
    history = run_folder(outputs, "1" * 12) / "history.jsonl"
    history.unlink()
    os.mkfifo(history)
    settle_pending(URI, outputs)
    assert states(store) == [("RUNNING", None), ("KILLED", "interrupted")]
    assert f"{history}: it is no file" in caplog.text


def test_folder_that_cannot_be_read_holds_up_no_other_and_stays_pending(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [run_folder(outputs, name) for name in ("1" * 12, "2" * 12)]
    for folder in folders:
        killed(folder)
    (folders[0] / BOOK).unlink()
    (folders[0] / BOOK).symlink_to(folders[0] / BOOK)  # which leads nowhere
    settle_pending(URI, outputs)
    assert states(store) == [("RUNNING", None), ("KILLED", "interrupted")]
    assert str(folders[0]) in caplog.text
    assert list(pending_folders(outputs)) == folders[:1]


@pytest.mark.parametrize("instead", ["pipe", "link", "device", "huge"])
def test_what_no_command_has_noted_as_pending_is_neither_read_nor_written(instead: str, outputs: Path) -> None:
    folder, other = run_folder(outputs), outputs / "other"
    mark = outputs / "pending" / f"runs.{IDENTITY}"
    mark.parent.mkdir()
    other.write_text("some;body")
    match instead:
        case "pipe":
            os.mkfifo(mark)
        case "link":
            mark.symlink_to(other)
        case "device":
            mark.symlink_to("/dev/zero")
        case "huge":
            mark.touch()
            os.truncate(mark, 1 << 43)
    assert noted_runs(folder) == []
    note_run(folder, "0123")
    assert other.read_text() == "some;body"
    assert mark.is_file()
    assert instead == "huge" or noted_runs(folder) == ["0123"]
