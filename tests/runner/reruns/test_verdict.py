"""Whether two records are the same bits, by hand."""

import math
from typing import Any

import pytest

from experiments.reruns.verdict import Divergence, judge
from tests.runner.reruns.records import RECORD, other


def history(epoch: int, **metrics: float) -> list[dict[str, float]]:
    """The history with other metrics in one epoch; __ stands for the slash."""
    changed = {key.replace("__", "/"): value for key, value in metrics.items()}
    return [{**row, **(changed if number == epoch else {})} for number, row in enumerate(RECORD.history, start=1)]


def test_same_record_is_identical() -> None:
    verdict = judge(RECORD, RECORD)
    assert (verdict.result, verdict.first, verdict.epochs, verdict.weights) == ("identical", None, 2, 2)


def test_times_do_not_count() -> None:
    assert judge(RECORD, other(history=history(2, time__epoch_s=9.0))).result == "identical"


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("key", ["train/loss", "test/loss"])
def test_last_bit_of_any_metric_counts(epoch: int, key: str) -> None:
    then = RECORD.history[epoch - 1][key]
    now = math.nextafter(then, 2)
    verdict = judge(RECORD, other(history=history(epoch, **{key.replace("/", "__"): now})))
    assert verdict.result == "different"
    assert verdict.first == Divergence(key, then, now, epoch)
    assert verdict.first.relative == (now - then) / now


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"weights": ["f" * 64, "b" * 64]}, Divergence("weights.sha256", "a" * 64, "f" * 64, 1)),
        ({"history": RECORD.history[:1], "weights": RECORD.weights[:1]}, Divergence("number of epochs", "2", "1")),
        ({"history": [*RECORD.history, RECORD.history[0]]}, Divergence("number of epochs", "2", "3")),
        ({"facts": {**RECORD.facts, "outcome": "diverged"}}, Divergence("outcome", "completed", "diverged")),
        ({"facts": {**RECORD.facts, "weights.sha256": "f" * 64}}, Divergence("weights.sha256", "b" * 64, "f" * 64)),
        ({"facts": {"outcome": "completed"}}, Divergence("weights.sha256", "b" * 64, None)),
        ({"history": [{"test/loss": 1.25}, RECORD.history[1]]}, Divergence("train/loss", 1.0, None, 1)),
    ],
)
def test_everything_else_that_came_of_a_run_counts(changes: dict[str, Any], first: Divergence) -> None:
    for tolerance in (None, 0.5):
        verdict = judge(RECORD, other(**changes), tolerance)
        if tolerance is not None and first.key == "weights.sha256":
            assert verdict.result == "within tolerance"
        else:
            assert verdict.first == first


def test_first_is_first_in_time() -> None:
    changed = history(2, train__loss=9.0)
    changed[0]["test/loss"] = 9.0
    first = judge(RECORD, other(history=changed, weights=["f" * 64] * 2)).first
    assert first == Divergence("test/loss", 1.25, 9.0, 1)


def test_zeros_of_different_sign_are_different_bits() -> None:
    then, now = other(history=history(1, train__loss=0.0)), other(history=history(1, train__loss=-0.0))
    assert judge(then, now).result == "different"
    assert judge(then, now, 1e-9).result == "within tolerance"


def test_number_that_is_none_is_within_no_tolerance_of_one() -> None:
    then = other(history=history(1, train__loss=float("nan")))
    assert judge(then, RECORD, 1.0).result == "different"
    assert judge(then, then).result == "identical"


def test_interrupted_run_has_no_outcome_to_compare() -> None:
    then = other(facts={"outcome": "interrupted"})
    assert judge(then, other(facts={"outcome": "unfinished"})).result == "identical"


def test_digests_that_the_record_lacks_are_not_compared() -> None:
    verdict = judge(other(weights=[]), RECORD)
    assert (verdict.result, verdict.weights) == ("identical", 0)
    assert judge(other(weights=["", "b" * 64]), RECORD).weights == 1


def test_metrics_that_the_record_lacks_are_named() -> None:
    verdict = judge(RECORD, other(history=history(1, train__lr=0.1)))
    assert (verdict.result, verdict.unrecorded) == ("identical", ("train/lr",))


@pytest.mark.parametrize(("tolerance", "result"), [(0.5, "within tolerance"), (0.4999, "different")])
def test_tolerance_is_relative_to_the_larger(tolerance: float, result: str) -> None:
    verdict = judge(RECORD, other(history=history(2, train__loss=0.25)), tolerance)
    assert verdict.result == result


def test_largest_difference_within_tolerance_is_known() -> None:
    changed = history(1, train__loss=1.01)
    changed[1]["test/loss"] = 0.76
    verdict = judge(RECORD, other(history=changed), 0.1)
    assert verdict.largest == Divergence("test/loss", 0.75, 0.76, 2)


def test_first_beyond_tolerance_is_named() -> None:
    changed = history(1, train__loss=1.01)
    changed[1]["test/loss"] = 0.9
    assert judge(RECORD, other(history=changed), 0.1).first == Divergence("test/loss", 0.75, 0.9, 2)


def test_bits_that_are_the_same_are_identical_with_a_tolerance_too() -> None:
    assert judge(RECORD, RECORD, 0.1).result == "identical"
