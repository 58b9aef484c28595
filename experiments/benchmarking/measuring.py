"""Contestants take turns in short bursts, so that whatever else the machine does falls on all of them alike.

A burst begins with a rest, in which the threads of whoever ran before fall asleep, and with an untimed repetition,
which fills the caches. Every round goes through the contestants in the reverse of the last one's order. The garbage
collector does not run meanwhile.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

_BURST_SECONDS = 0.02
_LEAST_REPETITIONS = 2  # in a burst
_LEAST_ROUNDS = 5

Lap = Callable[[str], None]
Bursts = dict[str, list[float]]  # by part: each burst's median, in seconds, in the order of rounds


@dataclass(frozen=True)
class Contestant:
    """Something to measure.

    Attributes:
        ready: the context it runs in, entered anew for every burst.
        repeat: does its work once, and calls `lap(part)` at the end of each part of it; a part may consist of several.
    """

    ready: Callable[[], AbstractContextManager[object]]
    repeat: Callable[[Lap], None]


def alternate(
    contestants: Mapping[str, Contestant],
    *,
    seconds: float,
    rest: Callable[[], None],
    clock: Callable[[], float] = perf_counter,
) -> dict[str, Bursts]:
    """Measure the contestants in turn until the time is up, but for a few rounds at least.

    Args:
        contestants: by name.
        seconds: how long to go on.
        rest: is called before every burst.
        clock: what time it is, in seconds.

    Returns:
        By contestant and part, the median of every burst; the n-th of all contestants were measured one after the
        other.
    """
    measured: dict[str, Bursts] = {name: {} for name in contestants}
    order = list(contestants)
    with _no_garbage_collection():
        for name in order:  # memory is allocated and code is made for these shapes, whoever takes how long for it
            _burst(contestants[name], clock)
        begun, rounds = clock(), 0
        while rounds < _LEAST_ROUNDS or clock() - begun < seconds:
            for name in order:
                rest()
                for part, laps in _burst(contestants[name], clock).items():
                    measured[name].setdefault(part, []).append(median(laps))
            order.reverse()
            rounds += 1
    return measured


def _burst(contestant: Contestant, clock: Callable[[], float]) -> dict[str, list[float]]:
    """By part, how long each repetition of it took."""
    seconds: dict[str, list[float]] = {}
    with contestant.ready():
        contestant.repeat(lambda _: None)
        begun, repetitions = clock(), 0
        while repetitions < _LEAST_REPETITIONS or clock() - begun < _BURST_SECONDS:
            watch = _Stopwatch(clock)
            contestant.repeat(watch.lap)
            for part, elapsed in watch.seconds.items():
                seconds.setdefault(part, []).append(elapsed)
            repetitions += 1
    return seconds


class _Stopwatch:
    """Times one repetition from lap to lap; what it takes to note them down is in none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._last = clock()

    def lap(self, part: str) -> None:
        elapsed = self._clock() - self._last
        self.seconds[part] = self.seconds.get(part, 0.0) + elapsed
        self._last = self._clock()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
