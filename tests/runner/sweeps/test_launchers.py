"""How the runs of a sweep are carried out."""

import os
import signal

import pytest

from experiments.config.schema import JoblibConfig, LauncherConfig, SerialConfig
from experiments.errors import UserError
from experiments.sweeps.launchers import launch


def place(task: int) -> tuple[int, int]:
    return task, os.getpid()


def fail(task: int) -> int:
    raise ValueError(f"task {task}")


LAUNCHERS = [SerialConfig("serial"), JoblibConfig("joblib", n_jobs=2)]


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.name)
def test_every_task_is_carried_out_once(launcher: LauncherConfig) -> None:
    assert sorted(task for task, _ in launch(launcher, place, [3, 1, 2])) == [1, 2, 3]


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.name)
def test_error_reaches_the_caller(launcher: LauncherConfig) -> None:
    with pytest.raises(ValueError, match="task 1"):
        list(launch(launcher, fail, [1]))


def test_serial_tasks_are_carried_out_here_and_in_order() -> None:
    assert list(launch(LAUNCHERS[0], place, [3, 1, 2])) == [(3, os.getpid()), (1, os.getpid()), (2, os.getpid())]


def test_joblib_tasks_are_carried_out_elsewhere() -> None:
    assert os.getpid() not in {process for _, process in launch(LAUNCHERS[1], place, [1, 2])}


def be_killed(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_that_is_killed_is_said_in_a_line() -> None:
    with pytest.raises(UserError, match=r"^a worker process was killed, .*; the same command goes on$"):
        list(launch(LAUNCHERS[1], be_killed, [1]))
