"""The heat map: a coloured cell for every pair of settings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.pictures.heat_map import draw_heat_map
from tests.runner.pictures.pixels import figure_of, size, texts

NAN = float("nan")


def grid(values: list[list[float]]) -> pd.DataFrame:
    index = pd.Index([0.001, 0.1, 1.0][: len(values)], name="optimizer.lr")
    columns = pd.Index([32, 64, 128][: len(values[0])], name="data.batch_size")
    return pd.DataFrame(values, index=index, columns=columns)


def figure(values: list[list[float]]) -> Figure:
    return figure_of(lambda path: draw_heat_map(grid(values), "the title", path))


SQUARE = [[0.5, 0.9], [0.7, 0.6]]


@pytest.mark.parametrize("values", [SQUARE, [[0.5]], [[NAN, 0.9], [0.7, NAN]], [[NAN, NAN]]])
def test_picture_is_a_png(values: list[list[float]], tmp_path: Path) -> None:
    draw_heat_map(grid(values), "the title", tmp_path / "map.png")
    width, height = size(tmp_path / "map.png")
    assert width >= 300
    assert height >= 200


def test_axes_are_named_by_the_settings_and_ticked_by_their_values() -> None:
    axes = figure(SQUARE).axes[0]
    assert axes.get_title() == "the title"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("data.batch_size", "optimizer.lr")
    assert texts(axes.get_xticklabels()) == ["32", "64"]
    assert texts(axes.get_yticklabels()) == ["0.001", "0.1"]


def test_every_accuracy_stands_in_its_cell() -> None:
    axes = figure([[0.5, 0.9, 0.25], [0.7, 0.6, 0.125]]).axes[0]
    written = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert written == {  # (column, row)
        (0, 0): "50.00%", (1, 0): "90.00%", (2, 0): "25.00%",
        (0, 1): "70.00%", (1, 1): "60.00%", (2, 1): "12.50%",
    }  # fmt: skip
    (image,) = axes.images
    assert np.asarray(image.get_array()).tolist() == [[0.5, 0.9, 0.25], [0.7, 0.6, 0.125]]


@pytest.mark.parametrize(("values", "corner"), [(SQUARE, (0.5, -0.5)), ([[0.1, NAN], [NAN, 0.3]], (0.5, 0.5))])
def test_best_cell_is_framed(values: list[list[float]], corner: tuple[float, float]) -> None:
    (frame,) = [patch for patch in figure(values).axes[0].patches if isinstance(patch, Rectangle)]
    assert frame.get_xy() == corner
    assert (frame.get_width(), frame.get_height()) == (1, 1)
    assert not frame.get_fill()


def test_cell_without_a_result_says_so() -> None:
    assert texts(figure([[NAN, 0.9], [0.7, 0.6]]).axes[0].texts) == ["–", "90.00%", "70.00%", "60.00%"]


def test_grid_without_any_result_frames_nothing() -> None:
    axes = figure([[NAN, NAN]]).axes[0]
    assert texts(axes.texts) == ["–", "–"]
    assert not axes.patches


def test_text_is_light_on_dark_cells_and_dark_on_light_ones() -> None:
    axes = figure(SQUARE).axes[0]
    (image,) = axes.images
    for text in axes.texts:
        x, y = (int(position) for position in text.get_position())
        cell = np.mean(image.to_rgba(np.array([[SQUARE[y][x]]]))[0, 0, :3])
        assert abs(np.mean(to_rgba(text.get_color())[:3]) - cell) > 0.35
