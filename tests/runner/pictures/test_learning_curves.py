"""The curves of many runs, laid over each other: the best is seen at once."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from experiments.pictures.colours import BEST, NOTHING
from experiments.pictures.learning_curves import Curve, draw_learning_curves
from tests.runner.pictures.pixels import figure_of, size, texts


def curve(name: str, *accuracies: float, best: bool = False, outcome: bool = True) -> Curve:
    losses = [1.1 - accuracy for accuracy in accuracies]
    return Curve(name, losses, accuracies, accuracies[-1] if outcome and accuracies else None, best)


def figure(*curves: Curve) -> Figure:
    return figure_of(lambda path: draw_learning_curves(curves, ("train/loss", "val/accuracy"), "the title", path))


def collection(axes: Axes) -> LineCollection:
    (found,) = axes.collections
    assert isinstance(found, LineCollection)
    return found


def points(axes: Axes) -> list[list[list[float]]]:
    return [np.asarray(segment).tolist() for segment in collection(axes).get_segments()]


def legend(made: Figure) -> list[str]:
    (found,) = made.legends
    return [" ".join(text.split()) for text in texts(found.get_texts())]


FEW = [curve("a", 0.5, 0.9, best=True), curve("b", 0.4, 0.7), curve("c", 0.3, 0.2, outcome=False)]


@pytest.mark.parametrize("number", [1, 4, 200])
def test_picture_is_a_png(number: int, tmp_path: Path) -> None:
    curves = [curve(str(place), 0.5, 0.9 - place / 1000, best=place == 0) for place in range(number)]
    draw_learning_curves(curves, ("loss", "accuracy"), "", tmp_path / "curves.png")
    assert size(tmp_path / "curves.png") >= (1000, 400)


def test_loss_and_accuracy_stand_side_by_side_and_say_which_they_are() -> None:
    left, right = figure(*FEW).axes
    assert (left.get_title(), right.get_title()) == ("train/loss", "val/accuracy")
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")


def test_every_epoch_of_every_run_is_a_point_and_the_best_is_drawn_last() -> None:
    left, right = figure(*FEW).axes
    assert points(right) == [[[1, 0.3], [2, 0.2]], [[1, 0.4], [2, 0.7]], [[1, 0.5], [2, 0.9]]]
    assert points(left)[-1] == [[1, 1.1 - 0.5], [2, 1.1 - 0.9]]


def test_best_has_a_colour_and_a_width_of_its_own() -> None:
    drawn = collection(figure(*FEW).axes[1])
    colours = [tuple(colour) for colour in np.asarray(drawn.get_colors()).tolist()]
    widths = np.asarray(drawn.get_linewidth()).tolist()
    assert colours[-1] == to_rgba(BEST)
    assert colours[0] == to_rgba(NOTHING)
    assert colours.count(to_rgba(BEST)) == 1
    assert widths[-1] > max(widths[:-1])


def test_few_runs_are_named_each() -> None:
    assert legend(figure(*FEW)) == ["a", "b", "c"]


def test_many_runs_are_counted() -> None:
    others = [curve(str(place), 0.5, 0.6) for place in range(20)]
    lost = [curve("x", 0.1, outcome=False)] * 3
    assert legend(figure(curve("the best", 0.5, 0.9, best=True), *others, *lost)) == [
        "the best",
        "20 others, the better the lighter",
        "3 not completed",
    ]


def test_run_of_one_epoch_is_seen() -> None:
    left, right = figure(curve("a", 0.5, best=True)).axes
    assert [line.get_xydata().tolist() for line in right.lines] == [[[1, 0.5]]]  # type: ignore[union-attr]
    assert len(left.lines) == 1


def test_runs_that_ran_away_leave_room_for_the_others() -> None:
    wild = Curve("wild", [1e6, 1e9], [0.1, 0.1], None, False)
    left, right = figure(*(curve(str(place), 0.9, 0.95) for place in range(6)), wild).axes
    assert left.get_ylim()[1] < 1
    assert right.get_ylim()[0] > 0.8


def test_whole_curves_are_seen_where_none_ran_away() -> None:
    left, right = figure(curve("a", 0.5, 0.9, best=True), curve("b", 0.45, 0.7), curve("c", 0.4, 0.8)).axes
    for axes, (low, high) in ((left, (1.1 - 0.9, 1.1 - 0.4)), (right, (0.4, 0.9))):
        assert axes.get_ylim()[0] < low
        assert high < axes.get_ylim()[1]


@pytest.mark.parametrize(
    "curves",
    [[], [curve("a")], [Curve("a", [float("nan")], [0.5], None, False)], [Curve("a", [0.0], [0.0], 0.0, True)]],
    ids=["no run", "no epoch", "no number", "zero"],
)
def test_runs_without_a_number_have_a_picture_all_the_same(curves: list[Curve], tmp_path: Path) -> None:
    draw_learning_curves(curves, ("loss", "accuracy"), "", tmp_path / "curves.png")
    assert size(tmp_path / "curves.png")


def test_names_are_no_formulas(tmp_path: Path) -> None:
    draw_learning_curves([curve(r"model=$\nothing$", 0.5, 0.6)], ("loss", "accuracy"), "", tmp_path / "curves.png")
    assert size(tmp_path / "curves.png")
