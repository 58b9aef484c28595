"""Parallel coordinates: every run a line across the axes of its settings."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from experiments.pictures.colours import BEST
from experiments.pictures.parallel_coordinates import Line, draw_parallel_coordinates
from experiments.pictures.scale import Value
from tests.runner.pictures.pixels import figure_of, size, texts

LEVELS: dict[str, list[Value]] = {"lr": [0.01, 0.1, 1.0], "model": ["b", "a"]}


def line(lr: float, model: str, accuracy: float | None, best: bool = False) -> Line:
    return Line({"lr": lr, "model": model}, accuracy, best)


def figure(*lines: Line) -> Figure:
    return figure_of(lambda path: draw_parallel_coordinates(lines, LEVELS, "test/accuracy", "the title", path))


def drawn(made: Figure) -> LineCollection:
    (found,) = made.axes[0].collections
    assert isinstance(found, LineCollection)
    return found


def paths(made: Figure) -> list[np.ndarray]:
    return [np.asarray(segment) for segment in drawn(made).get_segments()]


THREE = [line(0.1, "a", 0.9, best=True), line(0.1, "b", 0.7), line(1.0, "a", None)]


@pytest.mark.parametrize("number", [1, 2, 300])
def test_picture_is_a_png(number: int, tmp_path: Path) -> None:
    lines = [line(0.1, "a", 0.9 - place / 1000, best=place == 0) for place in range(number)]
    draw_parallel_coordinates(lines, LEVELS, "test/accuracy", "the title", tmp_path / "lines.png")
    assert size(tmp_path / "lines.png") >= (800, 400)


def test_axes_are_named_and_labelled_with_the_settings_values() -> None:
    written = texts(figure(*THREE).axes[0].texts)
    assert [text for text in written if text in ("lr", "model", "test/accuracy")] == ["lr", "model", "test/accuracy"]
    assert {"0.01", "0.1", "1", "b", "a", "70.00%", "90.00%"} <= set(written)


def test_lines_go_through_their_values_and_end_at_their_accuracy() -> None:
    third, second, best = paths(figure(*THREE))  # the best is drawn last
    assert best[:, 0].tolist() == second[:, 0].tolist() == [0, 1, 2]
    assert best[:, 1] == pytest.approx([0.5, 1, 1], abs=0.06)
    assert second[:, 1] == pytest.approx([0.5, 0, 0], abs=0.06)
    assert third[:, 0].tolist() == [0, 1]
    assert third[:, 1] == pytest.approx([1, 1], abs=0.06)


def test_lines_that_share_a_value_are_apart_the_better_higher() -> None:
    worse, better = paths(figure(line(0.1, "a", 0.9, best=True), line(0.1, "a", 0.7)))
    assert (better[:2, 1] > worse[:2, 1] + 0.02).all()


def test_best_has_a_colour_and_a_width_of_its_own() -> None:
    made = drawn(figure(*THREE))
    colours = [tuple(colour) for colour in np.asarray(made.get_colors()).tolist()]
    assert [colour == to_rgba(BEST) for colour in colours] == [False, False, True]
    widths = np.asarray(made.get_linewidth()).tolist()
    assert widths[-1] > max(widths[:-1])


def test_accuracy_below_the_axis_is_said_to_be_lower() -> None:
    made = figure(*(line(0.1, "a", 0.98 - place / 100) for place in range(3)), line(0.1, "b", 0.1))
    assert "≤ 93.50%" in texts(made.axes[0].texts)
    assert all(0 <= path[-1, 1] <= 1 for path in paths(made))


def test_runs_that_all_came_to_nothing_have_a_picture(tmp_path: Path) -> None:
    draw_parallel_coordinates([line(1.0, "a", None)], LEVELS, "accuracy", "", tmp_path / "lines.png")
    assert size(tmp_path / "lines.png")
