"""Work on blocks, on several threads: NumPy releases the interpreter lock while it computes.

How work is cut into blocks depends on shapes alone, never on the number of threads, and every block writes its own
part of the result. So the bits are the same for every number of threads, provided BLAS itself runs on one.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


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
    with ThreadPoolExecutor(max_workers=max(1, count - 1)) as executor:
        token = _crew.set(_Crew(executor, count) if count > 1 else None)
        try:
            yield
        finally:
            _crew.reset(token)


def for_each(function: Callable[[Item], object], blocks: Sequence[Item]) -> None:
    """Call the function on every block, this thread taking its share; return when all are done.

    What a block hands out in its turn runs on the block's own thread. An error reaches the caller when no block runs
    any more.
    """
    crew = _crew.get()
    if crew is None or len(blocks) == 1:
        _run(function, blocks)
        return
    shares = [blocks[i :: crew.size] for i in range(1, min(crew.size, len(blocks)))]
    token = _crew.set(None)
    try:
        # The context carries np.errstate, among others, to the other threads.
        others = [crew.executor.submit(copy_context().run, _run, function, share) for share in shares]
        try:
            _run(function, blocks[0 :: crew.size])
        finally:
            wait(others)
    finally:
        _crew.reset(token)
    for other in others:
        other.result()


def _run(function: Callable[[Item], object], blocks: Sequence[Item]) -> None:
    for block in blocks:
        function(block)


def slices(length: int, size: int) -> list[slice]:
    """Cut a length into slices of this size, the last one shorter where it must be.

    >>> slices(7, 3)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 7, None)]
    """
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
