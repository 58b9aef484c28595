"""When to stop early, held against the rule as one would say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.training.early_stopping import stop_reason

histories = st.lists(st.integers(0, 8).map(lambda number: number / 4), max_size=12)


def stops(losses: list[float], patience: int, min_improvement: float = 0.0) -> bool:
    return stop_reason(losses, patience=patience, min_improvement=min_improvement) is not None


@given(losses=histories, patience=st.integers(1, 5))
def test_it_stops_when_the_last_epochs_are_no_better_than_the_best_before(losses: list[float], patience: int) -> None:
    before, last = losses[:-patience], losses[-patience:]
    assert stops(losses, patience) == (bool(before) and min(last) >= min(before))


@given(losses=histories, patience=st.integers(1, 5), margin=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_margin_is_counted_from_the_last_loss_that_passed_it(losses: list[float], patience: int, margin: float) -> None:
    passed = losses[:1]
    waited = 0
    for loss in losses[1:]:
        if passed[-1] - loss > margin:
            passed.append(loss)
            waited = 0
        else:
            waited += 1
    assert stops(losses, patience, margin) == (waited >= patience)


@given(losses=histories, patience=st.integers(1, 5))
def test_more_patience_never_stops_sooner(losses: list[float], patience: int) -> None:
    assert stops(losses, patience) or not stops(losses, patience + 1)


@pytest.mark.parametrize("losses", [[], [5.0], [5.0, 4.0, 3.0, 2.0]])
def test_training_that_improves_goes_on(losses: list[float]) -> None:
    assert not stops(losses, patience=1)


def test_first_epoch_is_always_an_improvement() -> None:
    assert not stops([1e30], patience=1, min_improvement=1e40)


def test_as_good_as_the_best_is_no_improvement() -> None:
    assert stops([1.0, 1.0], patience=1)
    assert not stops([1.0, 0.5], patience=1, min_improvement=0.49)
    assert stops([1.0, 0.5], patience=1, min_improvement=0.5)


def test_loss_that_falls_slowly_counts_once_it_has_fallen_far_enough() -> None:
    slow = [1.0, 0.9, 0.8, 0.7]
    assert stops(slow[:3], patience=2, min_improvement=0.25)
    assert not stops(slow, patience=2, min_improvement=0.25)


def test_reason_names_the_best_epoch_and_how_long_ago_it_was() -> None:
    reason = stop_reason([0.9, 0.5, 0.6, 0.55], patience=2, min_improvement=0.0)
    assert reason == "val/loss has not fallen below the 0.5000 of epoch 2 for 2 epochs"
    reason = stop_reason([0.9, 0.85], patience=1, min_improvement=0.1)
    assert reason == "val/loss has not fallen below the 0.9000 of epoch 1 by more than 0.1 for 1 epoch"
