"""Work on blocks, on several threads: NumPy releases the interpreter lock while it computes.

How work is cut into blocks depends on shapes alone, never on the number of threads, and every block writes its own
part of the result. So the bits are the same for every number of threads, provided BLAS itself runs on one.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Self, TypeVar
from zlib import crc32

from cnn_core.layout import Array

Item = TypeVar("Item")

_BLOCK_BYTES = 2**21  # half of the larger L2 caches; two threads lose more by many small blocks
_WORTH_BYTES = 2**18  # less is not worth cutting
_WORTH_WORK = 2**22  # handing less to another thread costs more than it saves
_AWAKE_SECONDS = 0.0005
_IDLE_BYTES = bytes(2**16)  # whose checksum takes some 15 µs

_crew: ContextVar["_Crew | None"] = ContextVar("crew", default=None)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let everything computed in this context use `count` threads.

    >>> with threads(2):
    ...     for_each(print, ["a block"])
    a block
    """
    if count < 1:
        raise ValueError(f"threads must be at least 1, got {count}")
    with _own_cores(count) as shares, _Crew(shares) if count > 1 else nullcontext() as crew:
        token = _crew.set(crew)
        try:
            yield
        finally:
            _crew.reset(token)


def for_each(function: Callable[[Item], object], blocks: Sequence[Item], *, work: float = math.inf) -> None:
    """Call the function on every block, each thread taking the next as it is free; return when all are done.

    What a block hands out in its turn runs on the block's own thread. An error reaches the caller when no block runs
    any more.

    Args:
        function: writes what only its block is to write.
        blocks: its arguments.
        work: of all blocks, in bytes read and written, two multiply-adds counting as one; too little stays on this
            thread.
    """
    crew = _crew.get()
    if crew is None or len(blocks) <= 1 or work < _WORTH_WORK:
        _run(function, iter(blocks))
        return
    token = _crew.set(None)
    try:
        crew.run(function, blocks)
    finally:
        _crew.reset(token)


class _Crew:
    """Threads that take blocks from whoever holds the crew, one list of blocks at a time."""

    def __init__(self, shares: list[set[int]]) -> None:
        """Start a thread for each share of the cores; an empty share is all of them."""
        self._jobs: SimpleQueue[tuple[list[None], Callable[[], None]] | None] = SimpleQueue()
        self._ends: SimpleQueue[BaseException | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, args=(share,), daemon=True) for share in shares]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def run(self, function: Callable[[Item], object], blocks: Sequence[Item]) -> None:
        """As `for_each`."""
        queue = iter(blocks)  # taking the next item is atomic, and so is taking a ticket
        tickets: list[None] = [None] * min(len(self._threads), len(blocks) - 1)
        helpers = len(tickets)
        for _ in range(helpers):
            # The context carries np.errstate, among others, to the other threads.
            self._jobs.put((tickets, partial(copy_context().run, _run, function, queue)))
        errors = [_error_of(partial(_run, function, queue))]
        while _take(tickets):  # of a thread that has not begun, as its core is busy with something else
            helpers -= 1
        errors += [_awaited(self._ends) for _ in range(helpers)]
        for error in errors:
            if error is not None:
                raise error

    def _work(self, share: set[int]) -> None:
        if share:
            os.sched_setaffinity(0, share)  # 0: the calling thread
        while (handed := self._jobs.get()) is not None:
            tickets, job = handed
            if _take(tickets):  # else the others were faster, and nobody waits for this one
                self._ends.put(_error_of(job))


def _take(tickets: list[None]) -> bool:
    """Whether there was a ticket left; nobody else gets the same one."""
    try:
        tickets.pop()
    except IndexError:
        return False
    return True


def _awaited(queue: SimpleQueue[Item]) -> Item:
    """Wait for the next item, awake for a moment before falling asleep.

    To wake up takes some 50 µs, as long as many a block. Checksums are a way of staying awake that leaves the
    interpreter lock to the others.
    """
    deadline = perf_counter() + _AWAKE_SECONDS
    while queue.empty() and perf_counter() < deadline:
        crc32(_IDLE_BYTES)
    return queue.get()


def _error_of(job: Callable[[], None]) -> BaseException | None:
    try:
        job()
    except BaseException as error:  # handed over to the thread that waits
        return error
    return None


def _run(function: Callable[[Item], object], blocks: Iterator[Item]) -> None:
    for block in blocks:
        function(block)


@contextmanager
def _own_cores(count: int) -> Iterator[list[set[int]]]:
    """Deal the cores out among this thread and count − 1 others, where the system can and has enough.

    Left alone, Linux wakes a thread on the core of the one that wakes it: two threads then take turns on one core.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if count == 1 or len(cores) < count:
        yield [set() for _ in range(count - 1)]
        return
    own, *others = (set(cores[i::count]) for i in range(count))
    os.sched_setaffinity(0, own)
    try:
        yield others
    finally:
        os.sched_setaffinity(0, cores)


def slices(length: int, size: int) -> list[slice]:
    """Cut a length into slices of this size, the last one shorter where it must be.

    >>> slices(7, 3)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 7, None)]
    """
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def blocks(rows: int, row_bytes: int) -> list[slice]:
    """Cut rows into an even number of about equal blocks; into one if they are few bytes.

    >>> blocks(4, 2**20), blocks(4, 2**10)
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
