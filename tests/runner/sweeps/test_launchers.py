"""How the runs of a sweep are carried out."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from experiments.config.schema import JoblibConfig, LauncherConfig, SerialConfig
from experiments.sweeps.launchers import Lost, launch

SERIAL, JOBLIB = SerialConfig("serial"), JoblibConfig("joblib", n_jobs=2)
LAUNCHERS = [SERIAL, JOBLIB]


def double(task: int) -> int:
    return 2 * task


def process(_: int) -> int:
    return os.getpid()


def die_of_3(task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task


def stop_at_1(task: int) -> int:
    if task == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    return 2 * task


def wait_and_close(folder: Path, task: int | None) -> None:
    """Wait for an interruption, and take a moment to close, as a run does; nothing to do for None."""
    if task is None:
        return
    try:
        (folder / f"{os.getpid()}.begun").touch()
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        time.sleep(0.2)
        (folder / f"{os.getpid()}.closed").touch()
        raise


def launch_and_wait(folder: Path) -> None:
    list(launch(JOBLIB, partial(wait_and_close, folder), [0, 1]))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 60
        time.sleep(0.02)


def fail(task: int) -> int:
    raise ValueError(f"task {task}")


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.name)
def test_every_task_is_carried_out_once(launcher: LauncherConfig) -> None:
    results = [(task, result) for task, result in launch(launcher, double, [3, 1, 2])]
    assert sorted(results) == [(1, 2), (2, 4), (3, 6)]


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.name)
def test_error_reaches_the_caller(launcher: LauncherConfig) -> None:
    with pytest.raises(ValueError, match="task 1"):
        list(launch(launcher, fail, [1]))


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.name)
def test_task_is_asked_for_when_it_can_begin_and_not_before(launcher: LauncherConfig) -> None:
    asked: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(5):
            asked.append(task)
            yield task

    results = launch(launcher, double, tasks())
    next(results)
    assert len(asked) == (1 if launcher is SERIAL else 2)
    assert len(list(results)) == 4


def test_serial_tasks_are_carried_out_here_and_in_order() -> None:
    assert list(launch(SERIAL, process, [3, 1, 2])) == [(3, os.getpid()), (1, os.getpid()), (2, os.getpid())]


def test_joblib_tasks_are_carried_out_elsewhere_by_as_many_processes_as_asked_for() -> None:
    processes = {process for _, process in launch(JOBLIB, process, range(6))}
    assert os.getpid() not in processes
    assert len(processes) == 2


def test_killed_process_loses_its_own_task_only() -> None:
    results = dict(launch(JOBLIB, die_of_3, range(6)))
    assert {task for task, result in results.items() if isinstance(result, Lost)} == {3}
    assert {task for task, result in results.items() if result == 2 * task} == {0, 1, 2, 4, 5}


def test_process_that_is_told_to_end_loses_its_own_task_only() -> None:
    results = dict(launch(JOBLIB, stop_at_1, range(4)))
    assert results == {0: 0, 1: Lost("its process was told to end"), 2: 4, 3: 6}


def test_interruption_reaches_what_is_at_work_once(tmp_path: Path) -> None:
    # Two signals come to each process, as Ctrl-C on a terminal and the parent's own both do.
    with closing(launch(JoblibConfig("joblib", n_jobs=3), partial(wait_and_close, tmp_path), [None, 0, 1])) as results:
        assert next(results)[0] is None
        wait_for(lambda: len(list(tmp_path.glob("*.begun"))) == 2)
        for path in tmp_path.glob("*.begun"):
            os.kill(int(path.stem), signal.SIGINT)
    assert len(list(tmp_path.glob("*.closed"))) == 2
    assert not any(alive(int(path.stem)) for path in tmp_path.glob("*.begun"))


class SlowToLoad:
    """A task that takes its time to arrive in the process, as one does whose modules are still imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[Path], Path], tuple[Path]]:
        return load_slowly, (self.folder,)


def load_slowly(folder: Path) -> Path:
    (folder / f"{os.getpid()}.begun").touch()
    wait_for((folder / "loaded").exists)
    return folder


def note_work(folder: object) -> None:
    assert isinstance(folder, Path)
    (folder / "worked").touch()


def test_process_told_to_end_while_it_loads_its_task_does_not_begin_it(tmp_path: Path) -> None:
    results = launch(JOBLIB, note_work, iter([SlowToLoad(tmp_path)]))

    def tell() -> None:
        wait_for(lambda: any(tmp_path.glob("*.begun")))
        os.kill(int(next(tmp_path.glob("*.begun")).stem), signal.SIGTERM)
        (tmp_path / "loaded").touch()

    telling = threading.Thread(target=tell)
    telling.start()
    assert [result for _, result in results] == [Lost("its process was told to end")]
    telling.join()
    assert not (tmp_path / "worked").exists()


def test_processes_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = multiprocessing.get_context("spawn").Process(target=launch_and_wait, args=(tmp_path,))
    parent.start()
    wait_for(lambda: len(list(tmp_path.glob("*.begun"))) == 2)
    parent.kill()
    parent.join(60)
    wait_for(lambda: len(list(tmp_path.glob("*.closed"))) == 2)
    wait_for(lambda: not any(alive(int(path.stem)) for path in tmp_path.glob("*.begun")))
