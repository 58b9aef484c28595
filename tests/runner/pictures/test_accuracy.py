"""Accuracy over the values of one setting."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from experiments.pictures.accuracy import AccuracyPoint, draw_accuracy
from tests.runner.pictures.pixels import figure_of, size, texts

POINTS = [
    AccuracyPoint(0.01, 0.5, 0.1, (0.4, 0.6), best=False),
    AccuracyPoint(0.1, 0.75, None, (0.75,), best=True),
    AccuracyPoint(1.0, None, None, (), best=False),
]


def figure(connected: bool = True) -> Figure:
    return figure_of(lambda path: draw_accuracy(POINTS, "optimizer.lr", "the title", path, connected=connected))


def marks(made: Figure) -> list[list[list[float]]]:
    return [line.get_xydata().tolist() for line in made.axes[0].lines]  # type: ignore[union-attr]


@pytest.mark.parametrize("points", [POINTS, POINTS[:1], POINTS[2:]])
def test_picture_is_a_png(points: list[AccuracyPoint], tmp_path: Path) -> None:
    draw_accuracy(points, "lr", "the title", tmp_path / "accuracy.png", connected=True)
    assert size(tmp_path / "accuracy.png") >= (800, 400)


def test_means_are_points_at_their_values() -> None:
    made = figure()
    assert made.axes[0].get_xlabel() == "optimizer.lr"
    assert texts(made.axes[0].get_xticklabels()) == ["0.01", "0.1", "1"]
    assert marks(made)[0] == [[0, 0.5], [0.5, 0.75]]


def test_every_run_is_a_dot() -> None:
    assert [[0, 0.4], [0, 0.6], [0.5, 0.75]] in marks(figure())


def test_best_is_named_with_its_accuracy() -> None:
    made = figure()
    assert texts(made.axes[0].texts) == ["0.1: 75.00%"]
    assert [[0.5, 0.75]] in marks(made)


def test_value_without_a_completed_run_has_a_cross_on_the_axis() -> None:
    (cross,) = [line for line in figure().axes[0].lines if line.get_marker() == "x"]
    assert cross.get_xydata().tolist() == [[1, 0]]  # type: ignore[union-attr]


@pytest.mark.parametrize(("connected", "width"), [(True, 1.2), (False, 0)])
def test_line_joins_values_that_have_an_order_only(connected: bool, width: float) -> None:
    assert figure(connected).axes[0].lines[0].get_linewidth() == width
