"""Schedules: the factor of every step of a training, PyTorch's being stepped after every batch."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from cnn_core import ConstantSchedule, CosineSchedule, OneCycleSchedule, Schedule, StepSchedule
from tests.core.arrays import examples

PEAK = 0.1

Make = Callable[[torch.optim.Optimizer], LRScheduler]

epochs = st.integers(2, 6)
steps_per_epoch = st.integers(1, 9)
warmups = st.sampled_from([0.0, 0.5, 1.0, 1.5])
fractions = st.sampled_from([1e-5, 0.01, 0.25, 0.9])


def torch_factors(make: Make, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = make(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(optimizer.param_groups[0]["lr"] / PEAK)
        optimizer.step()
        scheduler.step()
    return factors


def warmed_up(steps: int, rest: Make) -> Make:
    """PyTorch's linear warm-up, then the rest."""
    if steps == 0:
        return rest

    def make(optimizer: torch.optim.Optimizer) -> LRScheduler:
        warmup = LinearLR(optimizer, start_factor=1 / (steps + 1), total_iters=steps)
        return SequentialLR(optimizer, [warmup, rest(optimizer)], milestones=[steps])

    return make


def assert_same_factors(schedule: Schedule, per_epoch: int, expected: list[float]) -> None:
    total = len(expected)
    found = [schedule.factor(step, steps_per_epoch=per_epoch, total_steps=total) for step in range(total)]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


@examples(20)
@given(epochs=epochs, per_epoch=steps_per_epoch, warmup=warmups)
def test_constant(epochs: int, per_epoch: int, warmup: float) -> None:
    make = warmed_up(int(warmup * per_epoch), lambda o: ConstantLR(o, factor=1.0))
    assert_same_factors(ConstantSchedule(warmup_epochs=warmup), per_epoch, torch_factors(make, epochs * per_epoch))


@examples(30)
@given(
    epochs=epochs,
    per_epoch=steps_per_epoch,
    warmup=warmups,
    step_epochs=st.integers(1, 4),
    gamma=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_step(epochs: int, per_epoch: int, warmup: float, step_epochs: int, gamma: float) -> None:
    make = warmed_up(int(warmup * per_epoch), lambda o: StepLR(o, step_size=step_epochs * per_epoch, gamma=gamma))
    schedule = StepSchedule(step_epochs=step_epochs, gamma=gamma, warmup_epochs=warmup)
    assert_same_factors(schedule, per_epoch, torch_factors(make, epochs * per_epoch))


@examples(30)
@given(epochs=epochs, per_epoch=steps_per_epoch, warmup=warmups, final=st.just(0.0) | fractions)
def test_cosine(epochs: int, per_epoch: int, warmup: float, final: float) -> None:
    first, total = int(warmup * per_epoch), epochs * per_epoch
    make = warmed_up(first, lambda o: CosineAnnealingLR(o, T_max=total - first, eta_min=final * PEAK))
    schedule = CosineSchedule(final_fraction=final, warmup_epochs=warmup)
    assert_same_factors(schedule, per_epoch, torch_factors(make, total))


@examples(40)
@given(epochs=epochs, per_epoch=steps_per_epoch, start=fractions, rise=st.floats(0.01, 0.99), final=fractions)
def test_one_cycle(epochs: int, per_epoch: int, start: float, rise: float, final: float) -> None:
    total = epochs * per_epoch
    if rise * total == 1:  # PyTorch divides by zero there
        return

    def make(optimizer: torch.optim.Optimizer) -> LRScheduler:
        return OneCycleLR(
            optimizer,
            max_lr=PEAK,
            total_steps=total,
            pct_start=rise,
            div_factor=1 / start,
            final_div_factor=start / final,
            cycle_momentum=False,
        )

    schedule = OneCycleSchedule(start_fraction=start, rise_fraction=rise, final_fraction=final)
    assert_same_factors(schedule, per_epoch, torch_factors(make, total))
