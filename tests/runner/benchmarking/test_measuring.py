"""Contestants in turn: what is timed, what is not, in which order, and for how long."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import cycle

import pytest

from experiments.benchmarking.measuring import Bursts, Contestant, Lap, alternate
from tests.runner.benchmarking.clock import Clock

LONG = 1.0  # seconds: longer than a burst, which then has two timed repetitions
ROUNDS = 5  # at least


def working(clock: Clock, *durations: float) -> Contestant:
    """Work that takes these times in turn, over and over."""
    times = cycle(durations)

    def repeat(lap: Lap) -> None:
        clock.sleep(next(times))
        lap("work")

    return Contestant(nullcontext, repeat)


def noting(clock: Clock, name: str, notes: list[str]) -> Contestant:
    """Work that takes long and says that it was done, and in which context."""

    @contextmanager
    def ready() -> Iterator[None]:
        notes.append(f"{name} begins")
        yield
        notes.append(f"{name} ends")

    def repeat(lap: Lap) -> None:
        clock.sleep(LONG)
        notes.append(name)
        lap("work")

    return Contestant(ready, repeat)


def measured(
    contestants: dict[str, Contestant], clock: Clock, *, seconds: float = 0.0, rest: Callable[[], None] = lambda: None
) -> dict[str, Bursts]:
    return alternate(contestants, seconds=seconds, rest=rest, clock=clock)


def test_every_round_gives_every_contestant_a_burst() -> None:
    clock = Clock()
    found = measured({"ours": working(clock, LONG), "theirs": working(clock, 3 * LONG)}, clock)
    assert found == {"ours": {"work": [LONG] * ROUNDS}, "theirs": {"work": [3 * LONG] * ROUNDS}}


def test_a_burst_is_known_by_its_median_without_its_first_repetition() -> None:
    clock = Clock()
    # 9 warms up, the median of 2 and 4 is 3; the same in every burst
    assert measured({"ours": working(clock, 9.0, 2.0, 4.0)}, clock)["ours"]["work"] == [3.0] * ROUNDS


def test_short_work_is_repeated_until_the_burst_is_long_enough() -> None:
    clock, notes = Clock(), []

    def repeat(lap: Lap) -> None:
        clock.sleep(0.004)
        notes.append("done")
        lap("work")

    measured({"ours": Contestant(nullcontext, repeat)}, clock)
    assert len(notes) == (1 + ROUNDS) * (1 + 5)  # 20 ms are 5 repetitions; the first round and repetition don't count


def test_bursts_go_through_the_contestants_to_and_fro() -> None:
    clock, notes = Clock(), list[str]()
    measured({name: noting(clock, name, notes) for name in "abc"}, clock)
    order = [note[0] for note in notes if note.endswith("begins")]
    assert "".join(order) == "abc" + "abc" + "cba" + "abc" + "cba" + "abc"  # the first round is not timed


def test_every_burst_has_a_context_of_its_own_around_all_of_it() -> None:
    clock, notes = Clock(), list[str]()
    measured({"a": noting(clock, "a", notes)}, clock)
    assert notes == ["a begins", "a", "a", "a", "a ends"] * (1 + ROUNDS)


def test_everyone_rests_before_a_burst_and_it_is_not_timed() -> None:
    clock, notes = Clock(), list[str]()

    def rest() -> None:
        clock.sleep(100)
        notes.append("rest")

    found = measured({name: noting(clock, name, notes) for name in "ab"}, clock, rest=rest)
    timed = notes[notes.index("rest") :]
    assert [timed[i - 1] for i, note in enumerate(timed) if note.endswith("begins")] == ["rest"] * (2 * ROUNDS)
    assert found == {name: {"work": [LONG] * ROUNDS} for name in "ab"}


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 5), (15.0, 5), (18.0, 6), (18.1, 7), (300.0, 100)])
def test_it_goes_on_until_the_time_is_up(seconds: float, rounds: int) -> None:
    clock = Clock()
    found = measured({"ours": working(clock, LONG)}, clock, seconds=seconds)  # a round takes three seconds
    assert len(found["ours"]["work"]) == rounds


def test_parts_are_timed_from_lap_to_lap() -> None:
    clock = Clock()

    def repeat(lap: Lap) -> None:
        for part, seconds in (("forward", 1.0), ("backward", 2.0), ("step", 0.5)):
            clock.sleep(seconds)
            lap(part)

    found = measured({"ours": Contestant(nullcontext, repeat)}, clock)
    assert found["ours"] == {"forward": [1.0] * ROUNDS, "backward": [2.0] * ROUNDS, "step": [0.5] * ROUNDS}


def test_laps_of_one_name_are_one_part() -> None:
    clock = Clock()

    def repeat(lap: Lap) -> None:
        for part, seconds in (("norm", 1.0), ("relu", 2.0), ("norm", 0.5)):
            clock.sleep(seconds)
            lap(part)

    found = measured({"ours": Contestant(nullcontext, repeat)}, clock)
    assert found["ours"] == {"norm": [1.5] * ROUNDS, "relu": [2.0] * ROUNDS}


def test_noting_a_lap_down_is_in_no_lap() -> None:
    clock = Clock(tick=1.0)  # looking at it takes a second

    def repeat(lap: Lap) -> None:
        lap("first")
        lap("second")

    found = measured({"ours": Contestant(nullcontext, repeat)}, clock)
    assert found["ours"] == {"first": [1.0] * ROUNDS, "second": [1.0] * ROUNDS}


def test_no_garbage_is_collected_meanwhile() -> None:
    clock, enabled = Clock(), list[bool]()

    def repeat(lap: Lap) -> None:
        clock.sleep(LONG)
        enabled.append(gc.isenabled())
        lap("work")

    measured({"ours": Contestant(nullcontext, repeat)}, clock)
    assert not any(enabled)
    assert gc.isenabled()


def test_garbage_is_collected_again_after_an_error() -> None:
    def repeat(_: Lap) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measured({"ours": Contestant(nullcontext, repeat)}, Clock())
    assert gc.isenabled()
