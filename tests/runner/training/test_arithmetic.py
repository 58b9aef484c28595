"""The arithmetic of a run: how many threads there are, and that BLAS is never one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from cnn_core import parallel
from experiments.config.schema import JoblibConfig
from experiments.training.arithmetic import arithmetic
from tests.runner.configs import small_config

JOBLIB = JoblibConfig("joblib", n_jobs=2)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads that the layers were given, on a machine of three cores."""
    seen: list[int] = []

    @contextmanager
    def threads(count: int) -> Iterator[None]:
        seen.append(count)
        yield

    monkeypatch.setattr(parallel, "threads", threads)
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    return seen


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"trainer__threads": None}, 3),
        ({"trainer__threads": 2}, 2),
        ({"trainer__threads": None, "launcher": JOBLIB}, 1),  # several runs share the cores
        ({"trainer__threads": 2, "launcher": JOBLIB}, 2),
    ],
)
def test_layers_get_the_threads_asked_for(
    changes: dict[str, object], count: int, tmp_path: Path, counts: list[int]
) -> None:
    with arithmetic(small_config(tmp_path, **changes)):
        assert counts == [count]


def test_blas_has_one_thread_while_it_lasts(tmp_path: Path) -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = threadpool_info()
    with arithmetic(small_config(tmp_path, trainer__threads=2)):
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert threadpool_info() == before
