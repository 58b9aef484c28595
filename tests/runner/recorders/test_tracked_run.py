"""A run as a store shows it: one view for each store and each sweep, remembered in a book beside the run."""

import logging
import signal
from pathlib import Path
from typing import Any

import pytest

from experiments.recorders.history import Row
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from tests.runner.doubles import Store

ROW = Row(1, {"train/loss": 2.0}, 1111, "")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "tracked.json"


def tracked(store: Store, book: Path, part: SweepPart | None = None) -> TrackedRun:
    return TrackedRun(store, book, "name", part)  # type: ignore[arg-type]  # a double


def finished(store: Store, book: Path, part: SweepPart | None = None) -> TrackedRun:
    run = tracked(store, book, part)
    run.start({"identity": "0"}, {"seed": 0}, [])
    run.log_row(ROW)
    run.finish("FINISHED", {"outcome": "completed"}, [], [])
    return run


def test_finished_run_is_complete_for_whoever_asks_later(book: Path) -> None:
    store = Store()
    run_id = finished(store, book).run_id
    later = tracked(store, book)
    assert later.complete
    assert later.run_id == run_id


@pytest.mark.parametrize("status", ["KILLED", "FAILED"])
def test_run_that_ended_otherwise_is_not_complete(status: str, book: Path) -> None:
    store = Store()
    run = tracked(store, book)
    run.start({}, {}, [])
    run.finish(status, {}, [], [])  # type: ignore[arg-type]
    assert not tracked(store, book).complete


def test_interruption_waits_for_the_end_of_what_the_store_is_told(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    run = tracked(store, book)
    run.start({}, {}, [])
    log_rows = store.log_rows

    def interrupted(*words: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        log_rows(*words)

    monkeypatch.setattr(store, "log_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.log_row(ROW)
    (shown,) = store.runs.values()
    assert shown.values("train/loss") == [(1, 2.0)]


def test_each_sweep_has_its_own_view_of_a_run(book: Path) -> None:
    store = Store()
    finished(store, book)
    finished(store, book, SweepPart("one", "p1", "lr=1"))
    finished(store, book, SweepPart("two", "p2", "lr=1"))
    assert [run.parent for run in store.runs.values()] == [None, "p1", "p2"]
    assert all(
        tracked(store, book, part).complete for part in (None, SweepPart("one", "p1", ""), SweepPart("two", "p2", ""))
    )


def test_each_store_and_experiment_has_its_own_view(book: Path) -> None:
    first, other, third = Store(), Store(), Store()
    other.uri, third.experiment = "memory://other", "another"
    finished(first, book)
    assert not tracked(other, book).complete
    assert not tracked(third, book).complete


def test_password_is_not_written_into_the_book(book: Path) -> None:
    store = Store()
    store.uri = "http://user:secret@host"
    finished(store, book)
    assert "secret" not in book.read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"memory://|cnn|": 3}'])
def test_damaged_book_is_begun_anew(content: str, book: Path) -> None:
    book.write_text(content)
    store = Store()
    assert finished(store, book).complete


def test_end_of_a_run_that_never_began_is_not_shown(book: Path) -> None:
    store = Store()
    tracked(store, book).finish("FAILED", {}, [], [])
    assert store.calls == 0


def test_store_that_failed_once_is_left_alone(book: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    run = tracked(store, book)
    run.start({}, {}, [])
    store.down = True
    before = store.calls
    for _ in range(3):
        run.log_row(ROW)
    run.finish("FINISHED", {}, [], [])
    assert store.calls == before + 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "the same command again will upload it" in caplog.text
    assert not tracked(store, book).complete


def test_run_that_lost_epochs_is_shown_anew(book: Path) -> None:
    # Its epochs are trained again and end at other times: in the old run each would be there twice.
    store = Store()
    run = tracked(store, book)
    run.start({}, {}, [])
    run.log_row(ROW)
    again = tracked(store, book)
    again.start({}, {}, [])
    first, second = store.runs.values()
    assert (first.status, first.tags["outcome"]) == ("KILLED", "interrupted")
    assert second.status == "RUNNING"
    assert again.run_id != run.run_id


def test_run_that_kept_its_epochs_is_gone_on_with(book: Path) -> None:
    store = Store()
    run = tracked(store, book)
    run.start({}, {}, [])
    run.log_row(ROW)
    again = tracked(store, book)
    again.start({}, {}, [ROW])
    assert again.run_id == run.run_id
    assert store.only.values("train/loss") == [(1, 2.0)]
