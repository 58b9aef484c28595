"""How the runs of a sweep are carried out; which runs there are and what becomes of them is decided elsewhere."""

import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from typing import Generic, TypeVar

from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

from experiments.config.schema import JoblibConfig, LauncherConfig
from experiments.runs.source import command_line, current_source
from experiments.sweeps.worker import FROM_TERMINALS, PATIENCE, interruptible, set_up

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """In the place of a result: the process that was at the task is gone, or was told to end."""

    reason: str


def launch(
    launcher: LauncherConfig, function: Callable[[Task], Result], tasks: Iterable[Task]
) -> Generator[tuple[Task, Result | Lost], None, None]:
    """Call the function on every task, and yield task and result in the order in which results come.

    A task is taken from the iterable when it is begun. Ended before its time, by an exception or by `close`, it tells
    those that are at work to end as Ctrl-C does, and waits for them.
    """
    if isinstance(launcher, JoblibConfig):
        yield from _on_processes(launcher.n_jobs, function, iter(tasks))
    else:
        for task in tasks:
            yield task, function(task)


def _on_processes(
    count: int, function: Callable[[Task], Result], tasks: Iterator[Task]
) -> Generator[tuple[Task, Result | Lost], None, None]:
    idle: list[_Worker[Task, Result]] = []
    at_work: dict[Future[Result], tuple[_Worker[Task, Result], Task]] = {}
    try:
        while True:
            while len(at_work) < count:
                try:
                    task = next(tasks)
                except StopIteration:
                    break
                worker = idle.pop() if idle else _Worker(function)
                at_work[worker.begin(task)] = worker, task
            if not at_work:
                return
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                worker, task = at_work.pop(future)
                result = _result(future)
                if isinstance(result, Lost):
                    worker.end()
                else:
                    idle.append(worker)
                yield task, result
    finally:
        _end([*idle, *(worker for worker, _ in at_work.values())], at_work)


def _result(future: "Future[Result]") -> Result | Lost:
    try:
        return future.result()
    except BrokenProcessPool:
        return Lost("its process was killed, perhaps for want of memory")
    except KeyboardInterrupt:
        return Lost("its process was told to end")


def _end(workers: "Iterable[_Worker[Task, Result]]", at_work: "Iterable[Future[Result]]") -> None:
    """End every worker, in order if it can be."""
    workers = list(workers)
    for worker in workers:
        worker.interrupt()
    wait(at_work, timeout=PATIENCE)
    for worker in workers:
        worker.end()


@cache
def _fork_server() -> ForkServerContext:
    """What makes workers: a process that has imported all that training needs, once for all of them."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["experiments.sweeps.task", "experiments.sweeps.worker"])
    return context


class _Worker(Generic[Task, Result]):
    """One process, in a pool of its own: joblib gives up all processes of a pool when one of them is killed."""

    def __init__(self, function: Callable[[Task], Result]) -> None:
        self._function = function
        # Processes inherit what is blocked. Until a worker is set up, Ctrl-C is a traceback to it; and the process that
        # loky cleans up with must outlive all others.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINALS)
        try:
            about_us = command_line(), current_source()
            self._pool = ProcessPoolExecutor(1, context=_fork_server(), initializer=set_up, initargs=about_us)
            self._process: Future[int] = self._pool.submit(os.getpid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def begin(self, task: Task) -> "Future[Result]":
        """Begin a task."""
        future: Future[Result] = self._pool.submit(partial(interruptible, self._function, task))
        return future

    def interrupt(self) -> None:
        """Make what it is at end as Ctrl-C does; kill it if it is not even ready."""
        if self._process.done() and self._process.exception() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.result(), signal.SIGTERM)
        else:
            self._pool.shutdown(wait=False, kill_workers=True)

    def end(self) -> None:
        """Make the process end; what it is still at is lost."""
        self._pool.shutdown(wait=True, kill_workers=True)
