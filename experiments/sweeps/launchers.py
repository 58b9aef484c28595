"""How the runs of a sweep are carried out; which runs there are and what becomes of them is decided elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from experiments.config.schema import JoblibConfig, LauncherConfig
from experiments.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")


def launch(launcher: LauncherConfig, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """Call the function on every task, and yield the results in the order in which they come.

    Raises:
        UserError: a worker process was killed from outside.
    """
    if not isinstance(launcher, JoblibConfig):
        yield from map(function, tasks)
        return
    pool = joblib.Parallel(n_jobs=launcher.n_jobs, return_as="generator_unordered", batch_size=1)
    try:
        yield from pool(joblib.delayed(function)(task) for task in tasks)
    except TerminatedWorkerError as error:
        raise UserError("a worker process was killed, perhaps for want of memory; the same command goes on") from error
