"""Axes of settings: every value has its place, and labels have room."""

from itertools import pairwise

import pytest

from experiments.pictures.colours import limits
from experiments.pictures.scale import label, scale


def test_few_values_stand_at_equal_distances_however_far_apart() -> None:
    assert scale([0.001, 0.1, 10.0]).places == {0.001: 0.0, 0.1: 0.5, 10.0: 1.0}
    assert scale(["b", "a", "c"]).places == {"b": 0.0, "a": 0.5, "c": 1.0}


def test_many_powers_of_two_are_laid_out_by_their_logarithms() -> None:
    places = scale([2**power for power in range(16)]).places
    assert [places[2**power] for power in range(16)] == pytest.approx([power / 15 for power in range(16)])


def test_many_numbers_that_are_spread_evenly_are_laid_out_as_they_are() -> None:
    places = scale([1 + 2 * step for step in range(16)]).places
    assert [places[1 + 2 * step] for step in range(16)] == pytest.approx([step / 15 for step in range(16)])


def test_zero_and_negative_numbers_have_a_place() -> None:
    places = scale([-1, 0, *(2**power for power in range(16))]).places
    assert (places[-1], places[2**15]) == (0, 1)
    assert 0 < places[0] < places[1]


@pytest.mark.parametrize("levels", [list(range(3)), list(range(200)), [10 ** (-step / 9) for step in range(60)][::-1]])
def test_labels_have_room_and_the_ends_are_among_them(levels: list[int | float]) -> None:
    ticks = scale(levels).ticks
    places = sorted(ticks)
    assert (places[0], places[-1]) == (0, 1)
    assert all(right - left >= 1 / 8 - 1e-9 for left, right in pairwise(places))
    assert (ticks[places[0]], ticks[places[-1]]) == (label(levels[0]), label(levels[-1]))


def test_words_are_cut_where_they_are_long_and_are_no_formulas() -> None:
    assert label("x" * 30) == "x" * 19 + "…"
    assert label("$a_b$") == r"\$a_b\$"


def test_colours_span_what_there_is() -> None:
    assert limits([0.5, 0.75, 0.625]) == (0.5, 0.75)
    assert limits([]) == (0, 1)
    assert limits([float("nan"), 0.5]) == (0.5, 0.5)


def test_colours_leave_out_what_is_far_behind() -> None:
    assert limits([0.0, 0.75, 0.75, 0.875]) == (0.5, 0.875)
