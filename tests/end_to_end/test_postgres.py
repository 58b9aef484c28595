"""A PostgreSQL database that is used directly, by processes that begin at the same moment."""

from collections.abc import Callable
from multiprocessing.synchronize import Barrier

import psycopg
import pytest

from experiments.store.store import Store
from tests.end_to_end.conftest import PATIENCE
from tests.end_to_end.starters import preloaded
from tests.postgres import new_database, postgres

__all__ = ["new_database", "postgres"]

PROCESSES, TIMES = 3, 2

pytestmark = pytest.mark.long  # MLflow takes seconds to make its tables


def _open(uri: str, barrier: Barrier) -> None:
    barrier.wait(PATIENCE)
    Store(uri).experiments()


def test_processes_that_begin_at_once_share_a_fresh_database(new_database: Callable[[], str]) -> None:
    for _ in range(TIMES):
        uri = new_database()
        context = preloaded()
        barrier = context.Barrier(PROCESSES)
        processes = [context.Process(target=_open, args=(uri, barrier)) for _ in range(PROCESSES)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(PATIENCE)
        assert [process.exitcode for process in processes] == [0] * PROCESSES
        with psycopg.connect(uri) as database:
            assert database.execute("SELECT name FROM experiments").fetchall() == [("Default",)]
