"""A sweep on four processes: however it ends, none of them is there for long afterwards."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PATIENCE, begin
from tests.end_to_end.sweeps import begun, children, family, wait_for, words, workers
from tests.runner.stores import make_store

pytestmark = pytest.mark.long

PROCESSES = 4
RATES = tuple(f"0.{number:02}" for number in range(1, 9))
SOON = 20.0  # seconds: a worker closes its run, which is then shown


@pytest.fixture
def outputs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make_store(tmp_path / "outputs", tmp_path_factory)
    return tmp_path / "outputs"


def at_work(outputs: Path, elsewhere: Path) -> "subprocess.Popen[str]":
    """A sweep whose processes have all begun with a run."""
    launcher = ["launcher=joblib", f"launcher.n_jobs={PROCESSES}"]
    process = begin(*words(outputs, *launcher, rates=RATES), cwd=elsewhere)
    wait_for(lambda: len(begun(outputs)) >= PROCESSES)
    assert len(workers(process.pid)) == PROCESSES
    return process


def publisher(process: "subprocess.Popen[str]") -> int:
    """The only process that a command has started in a session of its own."""
    (pid,) = set(children(process.pid)) - set(family(process.pid))
    return pid


def left(*sessions: int) -> list[int]:
    """The processes of these sessions that are still there after a while; they are killed then."""
    until = time.monotonic() + SOON
    while (orphans := [pid for session in sessions for pid in family(session)]) and time.monotonic() < until:
        time.sleep(0.05)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    return orphans


def test_none_is_left_of_a_sweep_that_has_ended(outputs: Path, elsewhere: Path) -> None:
    process = at_work(outputs, elsewhere)
    follower = publisher(process)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert left(process.pid, follower) == []


def test_none_is_left_of_a_sweep_that_was_told_to_end(outputs: Path, elsewhere: Path) -> None:
    process = at_work(outputs, elsewhere)
    follower = publisher(process)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert left(process.pid, follower) == []


def test_none_is_left_of_a_sweep_whose_parent_was_killed(outputs: Path, elsewhere: Path) -> None:
    process = at_work(outputs, elsewhere)
    follower = publisher(process)
    process.kill()
    process.wait(PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert left(process.pid, follower) == []
    process.communicate(timeout=PATIENCE)
