"""The arithmetic a run is computed with: the same bits on every number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import joblib
from threadpoolctl import threadpool_limits

from cnn_core import parallel
from experiments.config.schema import Config, JoblibConfig


@contextmanager
def arithmetic(config: Config) -> Iterator[None]:
    """BLAS on one thread, where its bits depend on nothing else; the layers on as many as are asked for.

    Unless a number is asked for, it is every core this process may use, or one where several runs share the cores.
    """
    free = 1 if isinstance(config.launcher, JoblibConfig) else joblib.cpu_count()
    with threadpool_limits(1, user_api="blas"), parallel.threads(config.trainer.threads or free):
        yield
