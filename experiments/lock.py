"""A lock that one process at a time holds. The operating system frees it when that process ends, however it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

GLANCE = 0.5  # seconds in which a process that only looks whether somebody holds it has let go again


@contextmanager
def held(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Keep every other process out; wait for one that is inside, saying so first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=GLANCE)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
