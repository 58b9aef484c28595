"""A run as a store shows it: one view for each store and each sweep, remembered in a book beside the run."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from experiments.recorders.book import BOOK, entries
from experiments.recorders.pending import is_pending
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from experiments.recorders.uploader import uploader
from filelock import FileLock

from experiments.runs.history import Row
from tests.runner.doubles import Store
from tests.runner.recorders.folders import ROWS, URI, begun, ended, killed, run_folder, tracked

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def folder(outputs: Path) -> Path:
    return run_folder(outputs)


def show_sweep(outputs: Path, sweep_id: str) -> str:
    sweep = tracked(run_folder(outputs, sweep_id, "sweeps"))
    sweep.begin({"sweep.id": sweep_id}, {}, [], [])
    sweep.end("FINISHED", {}, {}, [])
    sweep.close()
    assert sweep.run_id is not None
    return sweep.run_id


def test_finished_run_is_complete_for_whoever_asks_later(folder: Path) -> None:
    run_id = ended(folder).run_id
    assert tracked(folder).complete
    assert tracked(folder).run_id == run_id


@pytest.mark.parametrize("status", ["KILLED", "FAILED"])
def test_end_of_another_kind_is_shown_as_well(status: Any, folder: Path, store: Store) -> None:
    run = begun(folder)
    run.end(status, {"outcome": "x"}, {}, [])
    run.close()
    assert (store.only.status, store.only.tags["outcome"]) == (status, "x")
    assert tracked(folder).complete


def test_nobody_waits_for_a_store_that_does_not_answer(folder: Path, store: Store) -> None:
    answer = threading.Event()
    create = store.create

    def slow(*words: Any, **named: Any) -> str:
        answer.wait(60)
        return create(*words, **named)

    store.create = slow  # type: ignore[method-assign]
    run = begun(folder, 3)  # it would be a minute
    run.end("FINISHED", {}, {}, [])
    assert store.runs == {}
    answer.set()
    run.close()
    assert store.only.values("train/loss") == [(row.epoch, row.metrics["train/loss"]) for row in ROWS]


def test_run_that_is_shown_already_can_be_added_to(folder: Path, outputs: Path, store: Store) -> None:
    ended(folder)
    (folder / "rerun.json").write_text("{}")
    again = TrackedRun(uploader(URI, outputs), "cnn", folder, "name", None)
    again.attach({"rerun.result": "identical"}, [folder / "rerun.json"])
    again.close()
    assert store.only.tags["rerun.result"] == "identical"
    assert store.only.files == ["history.jsonl", "rerun.json"]
    assert (store.only.status, again.complete) == ("FINISHED", True)


def test_each_sweep_has_its_own_view_of_a_run(folder: Path, outputs: Path, store: Store) -> None:
    parents = [show_sweep(outputs, sweep) for sweep in ("1" * 12, "2" * 12)]
    for part in (None, SweepPart("1" * 12, "lr=1"), SweepPart("2" * 12, "lr=1")):
        (folder / "history.jsonl").unlink(missing_ok=True)
        ended(folder, part)
        assert tracked(folder, part).complete
    assert [run.parent for run in store.runs.values() if "identity" in run.tags] == [None, *parents]


def test_each_store_and_experiment_has_its_own_view(folder: Path) -> None:
    ended(folder)
    assert not tracked(folder, uri="memory://other").complete
    assert not tracked(folder, experiment="another").complete


def test_password_is_not_written_into_the_book(folder: Path) -> None:
    run = tracked(folder, uri="http://user:secret@host")
    run.begin({}, {}, [], [])
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert "secret" not in (folder / BOOK).read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"sqlite:////dev/null/mlflow.db|cnn|": 3}'])
def test_damaged_book_is_begun_anew(content: str, folder: Path) -> None:
    (folder / BOOK).write_text(content)
    assert ended(folder).complete


def test_end_of_a_run_that_never_began_is_not_shown(folder: Path, store: Store) -> None:
    run = tracked(folder)
    run.end("FAILED", {}, {}, [])
    run.close()
    assert store.calls == 0


def test_run_whose_beginning_is_interrupted_is_shown_as_ended(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    run = tracked(folder)
    with monkeypatch.context() as patch:
        patch.setattr("experiments.recorders.uploader.mlflow", interrupt)  # it takes seconds to import
        with pytest.raises(KeyboardInterrupt):
            run.begin({}, {}, [], [])
    run.end("KILLED", {"outcome": "interrupted"}, {}, [])
    run.close()
    assert (store.only.status, store.only.tags["outcome"]) == ("KILLED", "interrupted")
    assert caplog.messages == []


def test_store_that_fails_is_said_once_and_stops_nothing(
    folder: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.down = True
    run = begun(folder, 3)
    run.end("FINISHED", {}, {}, [])
    run.close()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("tracking.uri=sqlite:////dev/null/mlflow.db: is down\nNothing is lost: ")
    assert not tracked(folder).complete


def test_store_that_comes_back_gets_all_that_it_missed(folder: Path, store: Store) -> None:
    store.down = True
    run = begun(folder, 1)
    run.wait_for_failure()
    store.down = False
    run.row(ROWS[1])
    run.end("FINISHED", {"outcome": "completed"}, {}, [])
    run.close()
    assert store.only.status == "FINISHED"
    assert [step for step, _ in store.only.values("train/loss")] == [1, 2]


def test_nothing_is_tried_again_once_the_command_ends(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.recorders.uploader._PAUSES", (60.0,))
    store.down = True
    run = begun(folder)
    run.wait_for_failure()
    before, thread = store.calls, run._uploader._thread
    assert thread is not None
    run._uploader.stop()
    thread.join(60)
    assert store.calls == before


@pytest.mark.parametrize("lost", ["before", "after"])
def test_run_whose_id_never_came_back_is_made_once(lost: str, folder: Path, store: Store) -> None:
    create = store.create

    def cut_off(*words: Any, **named: Any) -> str:
        store.create = create  # type: ignore[method-assign]
        if lost == "after":
            create(*words, **named)
        raise ConnectionError("the answer was lost")

    store.create = cut_off  # type: ignore[method-assign]
    run = begun(folder, 2)
    run.wait_for_failure()
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert store.only.status == "FINISHED"
    assert len(store.only.values("train/loss")) == 2


def test_run_that_a_slow_store_makes_twice_is_there_once_at_the_end(folder: Path, store: Store) -> None:
    create, created = store.create, store.created
    late: list[dict[str, Any]] = []

    def stalled(_: str, **named: Any) -> str:
        late.append(named)
        store.create = create  # type: ignore[method-assign]
        raise ConnectionError("no answer")

    def unaware(**named: Any) -> list[str]:
        store.created = created  # type: ignore[method-assign]
        found = created(**named)
        create("name", **late[0])  # only now the store does what it was asked for first
        return found

    store.create, store.created = stalled, unaware  # type: ignore[method-assign, assignment]
    run = begun(folder, 2)
    run.wait_for_failure()
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert len(late) == 1
    assert store.only.status == "FINISHED"
    assert len(store.only.values("train/loss")) == 2


def test_run_that_lost_epochs_is_shown_anew(folder: Path, store: Store) -> None:
    # Its epochs are trained again and end at other times: in the old run each would be there twice.
    run_id = killed(folder, 2).run_id
    (folder / "history.jsonl").unlink()
    again = ended(folder)
    first, second = store.runs.values()
    assert (first.status, first.tags["outcome"]) == ("KILLED", "interrupted")
    assert second.status == "FINISHED"
    assert again.run_id != run_id


@pytest.mark.parametrize("damage", ["nothing is left", "a number is another"])
def test_run_that_a_damaged_book_knows_no_more_is_closed(damage: str, folder: Path, store: Store) -> None:
    run_id = killed(folder, 1).run_id
    book = folder / BOOK
    book.write_text("" if damage == "nothing is left" else book.read_text().replace('"epochs": 1', '"epochs": 9'))
    again = ended(folder)
    assert again.run_id != run_id
    first, second = store.runs.values()
    assert (first.run_id, first.status, first.tags["outcome"]) == (run_id, "KILLED", "interrupted")
    assert (second.status, len(second.values("train/loss"))) == ("FINISHED", 2)
    assert not is_pending(folder)


def test_run_that_kept_its_epochs_is_gone_on_with(folder: Path, store: Store) -> None:
    run_id = killed(folder, 1).run_id
    again = tracked(folder)
    again.begin({}, {}, ROWS[:1], [])
    again.end("FINISHED", {}, {}, [])
    again.close()
    assert again.run_id == run_id
    assert store.only.values("train/loss") == [(1, 1.0)]


def test_rows_that_came_out_otherwise_are_shown_in_a_run_of_their_own(folder: Path, store: Store) -> None:
    run = begun(folder, 2)
    run.wait_until_shown()
    other = Row(2, {"train/loss": 0.75}, 5000, "")
    run.replace_rows([ROWS[0], other])
    run.end("FINISHED", {}, {}, [])
    run.close()
    first, second = store.runs.values()
    assert (first.status, first.values("train/loss")) == ("KILLED", [(1, 1.0), (2, 0.5)])
    assert (second.status, second.values("train/loss")) == ("FINISHED", [(1, 1.0), (2, 0.75)])


def test_run_that_is_repeated_shows_nothing_of_the_end_before(folder: Path, store: Store) -> None:
    ended(folder)
    (folder / "history.jsonl").unlink()
    again = tracked(folder)
    again.begin_anew()
    again.begin({"identity": folder.name}, {"seed": 0}, [], [])
    again.row(ROWS[0])
    again.wait_until_shown()
    _, second = store.runs.values()
    assert "outcome" not in second.tags
    assert second.values("best/epoch") == []
    again.kill()  # nobody is to wait for its end


def test_param_that_differs_later_is_left_as_it_is(folder: Path, store: Store) -> None:
    killed(folder)
    again = tracked(folder)
    again.begin({}, {"seed": 1, "trainer.threads": 2}, ROWS[:1], [])
    again.end("FINISHED", {}, {}, [])
    again.close()
    assert store.only.params == {"seed": "0", "trainer.threads": "2"}


def test_file_is_uploaded_again_only_when_it_has_changed(folder: Path, store: Store) -> None:
    (folder / "config.yaml").write_text("seed: 0")
    run = begun(folder)
    run.wait_until_shown()
    run.end("FINISHED", {}, {}, [folder / "history.jsonl", folder / "missing.txt"])
    run.close()
    assert store.only.files == ["config.yaml", "history.jsonl"]


def test_end_is_not_before_the_beginning_whatever_the_clock_does(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(folder)
    monkeypatch.setattr("experiments.recorders.view.time.time", lambda: 1.0)
    run.end("FINISHED", {}, {}, [])
    run.close()
    assert store.only.ended_ms is not None
    assert store.only.ended_ms >= store.only.begun_ms


def test_what_was_given_up_writes_into_no_book(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # The lock is free by then: the book may be another process's.
    monkeypatch.setattr("experiments.recorders.uploader._ON_THIS_MACHINE", 0.0)
    answer, done = threading.Event(), threading.Event()
    create = store.create

    def slow(*words: Any, **named: Any) -> str:
        answer.wait(60)
        try:
            return create(*words, **named)
        finally:
            done.set()

    store.create = slow  # type: ignore[method-assign]
    run = begun(folder)
    while not entries(folder / BOOK)["sqlite:////dev/null/mlflow.db|cnn|"].asked:
        time.sleep(0.001)
    run.close()
    before = (folder / BOOK).read_text()
    assert '"run_id": null' in before
    with FileLock(folder / "lock"):  # another process is at it
        answer.set()
        done.wait(60)
        uploader("sqlite:////dev/null/mlflow.db", folder.parent.parent)._wait(lambda: False, 0.2)
        assert (folder / BOOK).read_text() == before
