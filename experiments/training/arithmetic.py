"""The arithmetic a run is computed with: the same bits on every number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import joblib
from threadpoolctl import threadpool_limits

from cnn_core import parallel
from experiments.config.schema import Config, JoblibConfig


@contextmanager
def arithmetic(config: Config) -> Iterator[None]:
    """BLAS on one thread, where its bits depend on nothing else; the layers on as many as are asked for."""
    with threadpool_limits(1, user_api="blas"), parallel.threads(thread_count(config)):
        yield


def thread_count(config: Config) -> int:
    """How many threads the layers compute on.

    Unless a number is asked for, it is every core this process may use, or one where several runs share the cores.
    """
    if config.trainer.threads is not None:
        return config.trainer.threads
    return 1 if isinstance(config.launcher, JoblibConfig) else int(joblib.cpu_count())
