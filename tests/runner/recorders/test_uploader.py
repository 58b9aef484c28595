"""The thread that uploads: what it does besides the run of the moment, and how long it is waited for."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from experiments.recorders import uploader as module
from experiments.recorders.uploader import Uploader, uploader

from experiments.tracking.client import StoreRefusesError
from tests.runner.doubles import Store
from tests.runner.recorders.folders import IDENTITY, SWEEP, URI, begun, ended, killed, run_folder, tracked

SERVER = "http://server.test"


def leave_killed(outputs: Path) -> None:
    """A run of another process, which was killed."""
    uploader(URI, outputs)._looking_around = False  # it would settle what it is itself about to leave
    killed(run_folder(outputs, SWEEP))
    module.uploader.cache_clear()


def wait_for_end_of_thread(uploads: Uploader) -> None:
    while uploads._thread is not None:
        time.sleep(0.001)


def test_next_run_settles_what_was_left(outputs: Path, store: Store) -> None:
    leave_killed(outputs)
    ended(run_folder(outputs, IDENTITY))
    uploader(URI, outputs).finish(0)
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "KILLED"]


@pytest.mark.parametrize("has_nothing_else", [False, True])
def test_folders_that_the_command_comes_to_are_settled_at_its_end_only(
    has_nothing_else: bool, outputs: Path, store: Store
) -> None:
    leave_killed(outputs)
    uploads = uploader(URI, outputs)
    uploads.leave_alone([run_folder(outputs, SWEEP)])
    ended(run_folder(outputs, IDENTITY))
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "RUNNING"]
    if has_nothing_else:
        wait_for_end_of_thread(uploads)
    uploads.finish(0)
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "KILLED"]


def test_process_of_a_sweeps_runs_settles_nothing(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_killed(outputs)
    monkeypatch.setattr(module, "_settles", False)
    ended(run_folder(outputs, IDENTITY))
    uploader(URI, outputs).finish(0)
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "RUNNING"]


def test_refusal_of_what_was_left_costs_a_warning_and_this_run_nothing(
    outputs: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    leave_killed(outputs)
    params = store.params

    def refusing(run_id: str) -> set[str] | None:
        if run_id == "run0":
            raise StoreRefusesError("was deleted")
        return params(run_id)

    store.params = refusing  # type: ignore[method-assign]  # a store that refuses one run
    run = begun(run_folder(outputs, IDENTITY))
    run.wait_until_shown()
    run.end("FINISHED", {}, {}, [])
    run.close()
    uploader(URI, outputs).finish(0)
    assert [one.status for one in store.runs.values()] == ["RUNNING", "FINISHED"]
    assert [record.levelno for record in caplog.records if "was deleted" in record.getMessage()] == [logging.WARNING]


@pytest.mark.parametrize("comes_back", [False, True])
def test_store_is_said_to_answer_again_when_something_was_uploaded(
    comes_back: bool, outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(module, "_settles", False)
    store.down = True
    run = begun(run_folder(outputs))
    run.wait_for_failure()
    store.down = not comes_back
    run.end("FINISHED", {}, {}, [])
    run.close()
    wait_for_end_of_thread(uploader(URI, outputs))
    assert ("answers again" in caplog.text) == comes_back


def test_slow_server_is_waited_for_once(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_LEAST", 0.3)
    answer = threading.Event()
    create = store.create
    store.create = lambda *words, **named: (answer.wait(60), create(*words, **named))[1]  # type: ignore[method-assign]
    run = tracked(run_folder(outputs), uri=SERVER)
    run.begin({}, {}, [], [])
    run.end("FINISHED", {}, {}, [])
    uploads = uploader(SERVER, outputs)
    wait, patiences = uploads._wait, []

    def noted(done: Callable[[], bool], patience: float) -> None:
        patiences.append(patience)
        wait(done, patience)

    monkeypatch.setattr(uploads, "_wait", noted)
    run.close()
    uploads.finish(0)
    answer.set()
    assert len(patiences) == 2
    assert patiences[0] == 0.3
    assert patiences[1] <= 0


def test_run_whose_end_is_on_its_way_is_shown_as_ended_though_the_wait_is_interrupted(
    outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = uploader(URI, outputs)
    wait, set_status = uploads._wait, store.set_status
    waited_again = threading.Event()

    def waits_again(done: Callable[[], bool], patience: float) -> None:
        waited_again.set()
        wait(done, patience)

    def interrupted(*_: object) -> None:
        monkeypatch.setattr(uploads, "_wait", waits_again)
        raise KeyboardInterrupt

    def slow_set_status(*words: Any) -> None:
        waited_again.wait(60)
        set_status(*words)

    monkeypatch.setattr(store, "set_status", slow_set_status)
    monkeypatch.setattr(uploads, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ended(run_folder(outputs))
    assert store.only.status == "FINISHED"
