"""Runs that are RUNNING without a process: which are closed, and which are left to whoever they belong to."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from experiments.recorders.abandoned import close_abandoned, close_abandoned_if_any
from experiments.recorders.history import Row
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from tests.runner.doubles import Store

IDENTITY, SWEEP = "0123456789ab", "ba9876543210"
ROW = Row(1, {"train/loss": 2.0}, 1111, "")

Closing = Callable[[Store, Path], None]
both = pytest.mark.parametrize("close", [close_abandoned, close_abandoned_if_any])


def begun(store: Store, outputs: Path, identity: str = IDENTITY, part: SweepPart | None = None) -> TrackedRun:
    """A run whose process is killed after an epoch: nothing is undone, but nobody holds the lock."""
    folder = outputs / "runs" / identity
    folder.mkdir(parents=True, exist_ok=True)
    run = TrackedRun(store, folder / "tracked.json", "name", part)  # type: ignore[arg-type]  # a double
    run.start({"identity": identity}, {}, [])
    run.log_row(ROW)
    return run


def states(store: Store) -> list[tuple[str, str | None]]:
    return [(run.status, run.tags.get("outcome")) for run in store.runs.values()]


@both
def test_run_without_a_process_is_closed(close: Closing, outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    begun(store, outputs)
    close(store, outputs)
    assert states(store) == [("KILLED", "interrupted")]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("1 run was RUNNING in MLflow without a process")


@both
def test_run_that_somebody_is_at_is_left_alone(close: Closing, outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    begun(store, outputs)
    with FileLock(outputs / "runs" / IDENTITY / "lock"):
        close(store, outputs)
    assert states(store) == [("RUNNING", None)]
    assert caplog.records == []
    close(store, outputs)
    assert states(store) == [("KILLED", "interrupted")]


@both
def test_same_run_on_another_machine_is_left_alone(close: Closing, outputs: Path, tmp_path: Path) -> None:
    # both machines show it on one server; the identity is the same, the books are not
    store = Store()
    begun(store, tmp_path / "other machine")
    close(store, outputs)
    begun(store, outputs).finish("KILLED", {}, [], [])
    close(store, outputs)
    assert states(store)[0] == ("RUNNING", None)


@both
def test_every_view_of_a_run_is_closed(close: Closing, outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    begun(store, outputs)
    begun(store, outputs, part=SweepPart(SWEEP, "parent", "seed=0"))
    close(store, outputs)
    assert states(store) == [("KILLED", "interrupted")] * 2
    assert caplog.text.count("2 runs were RUNNING") == 1


@both
def test_sweeps_own_run_is_closed_when_nobody_holds_the_sweep(close: Closing, outputs: Path) -> None:
    store = Store()
    folder = outputs / "sweeps" / SWEEP
    folder.mkdir(parents=True)
    parent = TrackedRun(store, folder / "tracked.json", "sweep", None)  # type: ignore[arg-type]  # a double
    parent.start({"sweep.id": SWEEP, "sweep.size": "2"}, {}, [])
    with FileLock(folder / "lock"):
        close(store, outputs)
    assert states(store) == [("RUNNING", None)]
    close(store, outputs)
    assert states(store) == [("KILLED", "interrupted")]


def test_run_that_ended_in_order_since_the_store_was_asked_keeps_its_end(
    outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    run = begun(store, outputs)
    answer = [store.only]
    run.finish("FINISHED", {"outcome": "completed"}, [], [])
    store.running = lambda: answer  # type: ignore[method-assign]
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("FINISHED", "completed")]
    assert caplog.records == []


@both
def test_closed_run_is_gone_on_with_by_the_same_command(close: Closing, outputs: Path) -> None:
    store = Store()
    run_id = begun(store, outputs).run_id
    close(store, outputs)
    again = begun(store, outputs)
    assert again.run_id != run_id  # it began without the epoch that the store shows
    book = outputs / "runs" / IDENTITY / "tracked.json"
    third = TrackedRun(store, book, "name", None)  # type: ignore[arg-type]
    close(store, outputs)
    third.start({}, {}, [ROW])
    third.finish("FINISHED", {"outcome": "completed"}, [], [])
    assert third.run_id == again.run_id
    assert states(store) == [("KILLED", "interrupted"), ("FINISHED", "completed")]


class AnswerLostError(Exception):
    """The process was killed between the store's deed and its answer."""


def test_run_whose_id_never_came_back_is_closed(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    create = store.create

    def killed(*arguments: object, **named: object) -> str:
        create(*arguments, **named)  # type: ignore[arg-type]
        raise AnswerLostError

    monkeypatch.setattr(store, "create", killed)
    with pytest.raises(AnswerLostError):
        begun(store, outputs)
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("KILLED", "interrupted")]


def test_run_that_was_given_up_while_the_store_was_down_is_closed(outputs: Path) -> None:
    store = Store()
    begun(store, outputs)
    store.down = True
    book = outputs / "runs" / IDENTITY / "tracked.json"
    forced = TrackedRun(store, book, "name", None)  # type: ignore[arg-type]
    forced.abandon()
    store.down = False
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("KILLED", "interrupted")]


def test_store_is_not_asked_where_every_book_says_that_all_has_ended(outputs: Path) -> None:
    store = Store()
    for identity, status in ((IDENTITY, "FINISHED"), (SWEEP, "KILLED")):
        begun(store, outputs, identity).finish(status, {}, [], [])  # type: ignore[arg-type]
    before = store.calls
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    assert store.calls == before


def test_store_is_not_asked_again_for_what_was_closed(outputs: Path) -> None:
    store = Store()
    begun(store, outputs)
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    before = store.calls
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    assert store.calls == before


def test_store_that_is_down_is_said_once_and_stops_nothing(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    begun(store, outputs)
    store.down = True
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    assert [record.getMessage() for record in caplog.records] == ["tracking.uri=memory://: is down"]
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_failure_in_the_middle_leaves_the_rest_to_the_next(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    begun(store, outputs, IDENTITY)
    begun(store, outputs, SWEEP)
    store.down_after = store.calls + 4  # asked, and one of two closed
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    assert sorted(status for status, _ in states(store)) == ["KILLED", "RUNNING"]
    monkeypatch.setattr(store, "down_after", None)
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("KILLED", "interrupted")] * 2


@pytest.mark.parametrize("name", ["../../elsewhere", "0123456789AB", "", "0123456789ab/../0123456789ab"])
def test_tag_that_is_no_identity_leads_nowhere(name: str, outputs: Path) -> None:
    store = Store()
    folder = outputs / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    run_id = store.create("stranger", tags={"identity": name}, begun_ms=1)
    (folder / "tracked.json").write_text(json.dumps({"memory://|cnn|": {"run_id": run_id}}))
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("RUNNING", None)]


@pytest.mark.parametrize("book", ["", "[]", '{"memory://|cnn|": 3}', '{"memory://|cnn|": {"open": "x"}}'])
def test_damaged_book_claims_nothing(book: str, outputs: Path) -> None:
    store = Store()
    begun(store, outputs)
    (outputs / "runs" / IDENTITY / "tracked.json").write_text(book)
    close_abandoned(store, outputs)  # type: ignore[arg-type]
    close_abandoned_if_any(store, outputs)  # type: ignore[arg-type]
    assert states(store) == [("RUNNING", None)]
