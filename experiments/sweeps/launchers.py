"""How the runs of a sweep are carried out; which runs there are and what becomes of them is decided elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import joblib

from experiments.config.schema import JoblibConfig, LauncherConfig

Task = TypeVar("Task")
Result = TypeVar("Result")


def launch(launcher: LauncherConfig, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """Call the function on every task, and yield the results in the order in which they come."""
    if isinstance(launcher, JoblibConfig):
        pool = joblib.Parallel(n_jobs=launcher.n_jobs, return_as="generator_unordered", batch_size=1)
        results: Iterable[Result] = pool(joblib.delayed(function)(task) for task in tasks)
        yield from results
    else:
        yield from map(function, tasks)
