"""Schedules: factors worked out by hand, step by step."""

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import ConstantSchedule, CosineSchedule, OneCycleSchedule, Schedule, StepSchedule
from tests.core.arrays import examples

nan, inf = math.nan, math.inf

ALL: dict[str, Callable[..., Schedule]] = {
    "constant": ConstantSchedule,
    "step": lambda **settings: StepSchedule(**{"step_epochs": 2, "gamma": 0.1} | settings),
    "cosine": CosineSchedule,
    "one_cycle": OneCycleSchedule,
}
every_schedule = pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())


def factors(schedule: Schedule, *, epochs: int, steps_per_epoch: int = 1) -> list[float]:
    total = epochs * steps_per_epoch
    return [schedule.factor(step, steps_per_epoch=steps_per_epoch, total_steps=total) for step in range(total)]


def test_constant() -> None:
    assert factors(ConstantSchedule(), epochs=2, steps_per_epoch=3) == [1.0] * 6


def test_warm_up_rises_by_equal_parts_and_reaches_the_peak_with_the_step_after_it() -> None:
    found = factors(ConstantSchedule(warmup_epochs=1), epochs=2, steps_per_epoch=4)
    assert found == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1, 1, 1], rel=1e-15)


@pytest.mark.parametrize(("warmup", "steps"), [(0.0, 0), (0.25, 1), (0.49, 1), (0.5, 2), (1.75, 7), (1.99, 7)])
def test_fraction_of_an_epoch_is_rounded_down_to_whole_steps(warmup: float, steps: int) -> None:
    found = factors(ConstantSchedule(warmup_epochs=warmup), epochs=2, steps_per_epoch=4)
    assert sum(factor < 1 for factor in found) == steps


def test_steps() -> None:
    found = factors(StepSchedule(step_epochs=2, gamma=0.5), epochs=5, steps_per_epoch=2)
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_steps_are_counted_from_the_end_of_the_warm_up() -> None:
    found = factors(StepSchedule(step_epochs=1, gamma=0.1, warmup_epochs=0.5), epochs=3, steps_per_epoch=2)
    assert found == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01], rel=1e-14)


def test_cosine() -> None:
    # (1 + cos 0°)/2, then 60° and 120°: 1, 3/4, 1/4
    assert factors(CosineSchedule(), epochs=3) == pytest.approx([1, 0.75, 0.25], rel=1e-14)
    assert factors(CosineSchedule(final_fraction=0.2), epochs=3) == pytest.approx([1, 0.8, 0.4], rel=1e-14)


def test_cosine_takes_the_steps_that_the_warm_up_leaves() -> None:
    found = factors(CosineSchedule(warmup_epochs=2), epochs=5)
    assert found == pytest.approx([1 / 3, 2 / 3, 1, 0.75, 0.25], rel=1e-14)


def test_one_cycle() -> None:
    # up in 3 steps: 0.2 + 0.8·{0, 1/4, 3/4, 1}; down in 6: 0.1 + 0.9·(1 + cos{30°, 60°, …, 180°})/2
    schedule = OneCycleSchedule(start_fraction=0.2, rise_fraction=0.4, final_fraction=0.1)
    far = math.sqrt(3) / 4
    down = [0.1 + 0.9 * share for share in (0.5 + far, 0.75, 0.5, 0.25, 0.5 - far, 0)]
    assert factors(schedule, epochs=10) == pytest.approx([0.2, 0.4, 0.8, 1, *down], rel=1e-14)


def test_one_cycle_is_warmed_up_to_its_start() -> None:
    schedule = OneCycleSchedule(start_fraction=0.3, rise_fraction=0.5, final_fraction=0.1, warmup_epochs=2)
    assert factors(schedule, epochs=6)[:4] == pytest.approx([0.1, 0.2, 0.3, 1.0], rel=1e-14)


@pytest.mark.parametrize("total", [1, 2, 3, 10])
def test_one_cycle_without_room_for_a_rise_ends_where_it_should(total: int) -> None:
    schedule = OneCycleSchedule(start_fraction=0.5, rise_fraction=0.1, final_fraction=0.25)
    assert factors(schedule, epochs=total)[-1] == pytest.approx(0.25, rel=1e-14)


@every_schedule
@examples(30)
@given(
    epochs=st.integers(1, 5),
    steps_per_epoch=st.integers(1, 30),
    warmup=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_factor_is_a_share_of_the_peak(
    make: Callable[..., Schedule], epochs: int, steps_per_epoch: int, warmup: float
) -> None:
    found = factors(make(warmup_epochs=warmup), epochs=epochs, steps_per_epoch=steps_per_epoch)
    assert all(0 < factor <= 1 for factor in found)


@every_schedule
def test_factor_of_a_step_does_not_depend_on_those_asked_before(make: Callable[..., Schedule]) -> None:
    schedule = make(warmup_epochs=0.5)
    forwards = factors(schedule, epochs=3, steps_per_epoch=4)
    backwards = [schedule.factor(step, steps_per_epoch=4, total_steps=12) for step in reversed(range(12))]
    assert backwards[::-1] == forwards


@pytest.mark.parametrize("step", [-1, 6, 100])
def test_step_that_the_training_has_not_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"step must lie in 0..5, got {step}")):
        ConstantSchedule().factor(step, steps_per_epoch=2, total_steps=6)


@every_schedule
@pytest.mark.parametrize("epochs", [2, 3])
def test_warm_up_that_leaves_nothing_is_refused(make: Callable[..., Schedule], epochs: int) -> None:
    with pytest.raises(ValueError, match=f"a warm-up of {epochs * 5} steps leaves none of the 10"):
        make(warmup_epochs=epochs).factor(0, steps_per_epoch=5, total_steps=10)


def test_shape_is_left_to_each_schedule() -> None:
    with pytest.raises(NotImplementedError):
        Schedule().factor(0, steps_per_epoch=1, total_steps=1)


@every_schedule
@pytest.mark.parametrize("value", [-0.1, nan, inf])
def test_impossible_warm_up_is_refused(make: Callable[..., Schedule], value: float) -> None:
    with pytest.raises(ValueError, match=f"warmup_epochs must be a finite number, 0 or more, got {value}"):
        make(warmup_epochs=value)


@pytest.mark.parametrize(
    ("name", "key", "values", "rule"),
    [
        ("step", "step_epochs", [0, -1], "must be at least 1"),
        ("step", "gamma", [0.0, -0.1, 1.1, nan], "must lie in (0, 1]"),
        ("cosine", "final_fraction", [-0.1, 1.1, nan], "must lie in [0, 1]"),
        ("one_cycle", "final_fraction", [-0.1, 1.1, nan], "must lie in [0, 1]"),
        ("one_cycle", "start_fraction", [0.0, -0.1, 1.1, nan], "must lie in (0, 1]"),
        ("one_cycle", "rise_fraction", [0.0, 1.0, -0.1, nan], "must lie between 0 and 1"),
    ],
)
def test_refusal_names_key_value_and_rule(name: str, key: str, values: list[float], rule: str) -> None:
    for value in values:
        with pytest.raises(ValueError, match="^" + re.escape(f"{key} {rule}, got {value}") + "$"):
            ALL[name](**{key: value})
