"""Figures from bursts: quartiles, ratios, and which of PyTorch's formats counts."""

import pytest

from experiments.benchmarking.cell import Cell
from experiments.benchmarking.figures import Spread, fastest, ratio, spread
from experiments.benchmarking.goals import goal
from experiments.benchmarking.result import Result
from tests.runner.benchmarking.results import bursts, result


def test_spread_is_the_median_between_the_quartiles() -> None:
    assert spread([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(low=2.0, median=3.0, high=4.0)
    assert spread([1.0, 2.0]) == Spread(low=1.25, median=1.5, high=1.75)


def test_ratios_are_of_the_same_round() -> None:
    # The machine is ten times as slow in the second round: the medians' ratio would be 10/40.
    assert ratio([1.0, 10.0, 40.0], [2.0, 20.0, 80.0]) == Spread(0.5, 0.5, 0.5)
    assert ratio([1.0, 10.0, 40.0], [4.0, 20.0, 10.0]).median == 0.5


def test_unpaired_rounds_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0], [1.0, 2.0])


def test_fastest_is_by_the_median_not_by_the_best_or_the_mean() -> None:
    assert fastest({"x": [2.0, 2.0, 90.0], "y": [1.0, 3.0, 3.0]}) == "x"


def test_pytorchs_faster_format_counts() -> None:
    made = result(ours=1.0, contiguous=4.0, channels_last=2.0)
    assert made.opponent("training") == "channels_last"
    assert made.ratio("training") == Spread(0.5, 0.5, 0.5)
    assert made.seconds("contiguous", "training").median == 4.0


def test_formats_are_chosen_apart_for_training_and_inference_and_layers_follow() -> None:
    times = {
        "ours": bursts(1.0),
        "contiguous": bursts(2.0) | {"inference": [8.0] * 3, "forward conv1": [16.0] * 3},
        "channels_last": bursts(4.0),
    }
    made = Result(Cell("a", 64, 1), times)
    assert {part: made.opponent(part) for part in made.parts()} == {
        "training": "contiguous",
        "inference": "channels_last",
        "forward conv1": "contiguous",  # slow as it is there: a network has one format
        "loss": "contiguous",
        "backward conv1": "contiguous",
        "step": "contiguous",
        "inference conv1": "channels_last",
    }
    found = made.ratio("forward conv1")
    assert found is not None
    assert found.median == 1 / 16


def test_without_pytorch_there_are_times_and_no_ratios() -> None:
    made = result(ours=1.0)
    assert made.seconds("ours", "training").median == 1.0
    assert made.opponent("training") is None
    assert made.ratio("training") is None


@pytest.mark.parametrize(("net", "goals"), [("a", [0.75, 0.65, 0.75, 0.75]), ("b", [1.0] * 4), ("c", [1.2] * 4)])
def test_goals(net: str, goals: list[float]) -> None:
    cells = [(64, 1), (64, 2), (256, 1), (256, 2)]
    assert [goal(Cell(net, batch, threads)) for batch, threads in cells] == goals
    assert [goal(Cell(net, 16, 1)), goal(Cell(net, 64, 4)), goal(Cell(net, 128, 1))] == [None] * 3
