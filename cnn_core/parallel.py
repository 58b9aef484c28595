"""Work on blocks, on several threads: NumPy releases the interpreter lock while it computes.

How work is cut into blocks depends on shapes alone, never on the number of threads, and every block writes its own
part of the result. So the bits are the same for every number of threads, provided BLAS itself runs on one.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import NamedTuple, TypeVar

from cnn_core.layout import Array

Item = TypeVar("Item")

_BLOCK_BYTES = 2**20  # half of a usual L2 cache
_WORTH_BYTES = 2**18  # handing less to another thread costs more than it saves


class _Crew(NamedTuple):
    executor: ThreadPoolExecutor
    size: int


_crew: ContextVar[_Crew | None] = ContextVar("crew", default=None)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let everything computed in this context use `count` threads.

    >>> with threads(2):
    ...     for_each(print, ["a block"])
    a block
    """
    if count < 1:
        raise ValueError(f"threads must be at least 1, got {count}")
    if count == 1:
        token = _crew.set(None)
        try:
            yield
        finally:
            _crew.reset(token)
        return
    with (
        _own_cores(count) as shares,
        ThreadPoolExecutor(count - 1, initializer=_settle, initargs=(shares,)) as executor,
    ):
        token = _crew.set(_Crew(executor, count))
        try:
            yield
        finally:
            _crew.reset(token)


@contextmanager
def _own_cores(count: int) -> Iterator[list[set[int]]]:
    """Deal the cores out among the threads, where the system can and has enough; this thread takes the first share.

    Left alone, Linux wakes a thread on the core of the one that wakes it: two threads then take turns on one core.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < count:
        yield []
        return
    shares = [set(cores[i::count]) for i in range(count)]
    os.sched_setaffinity(0, shares.pop(0))
    try:
        yield shares
    finally:
        os.sched_setaffinity(0, cores)


def _settle(shares: list[set[int]]) -> None:
    """Move a new thread to the cores of one share."""
    if shares:
        os.sched_setaffinity(0, shares.pop())


def for_each(function: Callable[[Item], object], blocks: Sequence[Item]) -> None:
    """Call the function on every block, each thread taking the next as it is free; return when all are done.

    What a block hands out in its turn runs on the block's own thread. An error reaches the caller when no block runs
    any more.
    """
    crew = _crew.get()
    if crew is None or len(blocks) <= 1:
        _run(function, blocks)
        return
    queue = iter(blocks)  # taking the next item is atomic
    token = _crew.set(None)
    try:
        # The context carries np.errstate, among others, to the other threads.
        helpers = min(crew.size, len(blocks)) - 1
        others = [crew.executor.submit(copy_context().run, _run, function, queue) for _ in range(helpers)]
        try:
            _run(function, queue)
        finally:
            wait(others)
    finally:
        _crew.reset(token)
    for other in others:
        other.result()


def _run(function: Callable[[Item], object], blocks: Iterable[Item]) -> None:
    for block in blocks:
        function(block)


def slices(length: int, size: int) -> list[slice]:
    """Cut a length into slices of this size, the last one shorter where it must be.

    >>> slices(7, 3)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 7, None)]
    """
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def blocks(rows: int, row_bytes: int) -> list[slice]:
    """Cut rows into blocks of at most about the cache's size; where it pays, into an even number of equal ones.

    >>> blocks(4, 2**19), blocks(4, 2**10)
    ([slice(0, 2, None), slice(2, 4, None)], [slice(0, 4, None)])
    """
    size = rows * row_bytes
    if size < _WORTH_BYTES:
        return slices(rows, max(1, rows))
    pairs = -(-size // (2 * _BLOCK_BYTES))
    return slices(rows, -(-rows // (2 * pairs)))


def blocks_of(x: Array) -> list[slice]:
    """Cut an array along its first axis, as `blocks` does."""
    return blocks(len(x), x[:1].nbytes)
