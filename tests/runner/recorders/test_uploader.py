"""The thread that uploads: what it does besides the run of the moment, and how long it is waited for."""

import logging
import threading
import time
from pathlib import Path

import pytest

from experiments.recorders import uploader as module
from experiments.recorders.mlflow_client import StoreRefusesError
from experiments.recorders.uploader import uploader
from tests.runner.doubles import Store
from tests.runner.recorders.folders import IDENTITY, SWEEP, URI, begun, ended, killed, run_folder, tracked

SERVER = "http://server.test"


def leave_killed(outputs: Path) -> None:
    """A run of another process, which was killed."""
    uploader(URI, outputs)._looking_around = False  # it would settle what it is itself about to leave
    killed(run_folder(outputs, SWEEP))
    module.uploader.cache_clear()


def test_next_run_settles_what_was_left(outputs: Path, store: Store) -> None:
    leave_killed(outputs)
    ended(run_folder(outputs, IDENTITY))
    uploader(URI, outputs).finish(0)
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "KILLED"]


def test_folders_that_the_command_comes_to_are_settled_at_its_end_only(outputs: Path, store: Store) -> None:
    leave_killed(outputs)
    uploads = uploader(URI, outputs)
    uploads.leave_alone([run_folder(outputs, SWEEP)])
    ended(run_folder(outputs, IDENTITY))
    assert sorted(run.status for run in store.runs.values()) == ["FINISHED", "RUNNING"]
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


def test_slow_server_is_waited_for_once(outputs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_LEAST", 0.3)
    answer = threading.Event()
    create = store.create
    store.create = lambda *words, **named: (answer.wait(60), create(*words, **named))[1]  # type: ignore[method-assign]
    run = tracked(run_folder(outputs), uri=SERVER)
    run.begin({}, {}, [], [])
    run.end("FINISHED", {}, {}, [])
    before = time.monotonic()
    run.close()
    uploader(SERVER, outputs).finish(0)
    waited = time.monotonic() - before
    answer.set()
    assert waited == pytest.approx(0.3, abs=0.2)
