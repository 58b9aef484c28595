"""The heat map: a coloured cell for every pair of settings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
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


def texts_of(values: list[list[float]]) -> list[list[str]]:
    return [[f"{value:.2%}" if np.isfinite(value) else "failed" for value in row] for row in values]


def figure(values: list[list[float]], best: tuple[int, int] | None = None, title: str = "the title") -> Figure:
    return figure_of(lambda path: draw_heat_map(grid(values), texts_of(values), best, title, path))


SQUARE = [[0.5, 0.9], [0.7, 0.6]]


@pytest.mark.parametrize("values", [SQUARE, [[0.5]], [[NAN, 0.9], [0.7, NAN]], [[NAN, NAN]]])
def test_picture_is_a_png(values: list[list[float]], tmp_path: Path) -> None:
    draw_heat_map(grid(values), texts_of(values), (0, 0), "the title", tmp_path / "map.png")
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


@pytest.mark.parametrize(("best", "corner"), [((0, 1), (0.5, -0.5)), ((1, 0), (-0.5, 0.5))])
def test_best_cell_is_framed(best: tuple[int, int], corner: tuple[float, float]) -> None:
    (frame,) = [patch for patch in figure(SQUARE, best).axes[0].patches if isinstance(patch, Rectangle)]
    assert frame.get_xy() == corner
    assert (frame.get_width(), frame.get_height()) == (1, 1)
    assert not frame.get_fill()


def test_cell_without_a_result_says_so() -> None:
    assert texts(figure([[NAN, 0.9], [0.7, 0.6]]).axes[0].texts) == ["failed", "90.00%", "70.00%", "60.00%"]


def test_grid_without_any_result_frames_nothing() -> None:
    axes = figure([[NAN, NAN]]).axes[0]
    assert texts(axes.texts) == ["failed", "failed"]
    assert not axes.patches


def test_text_is_light_on_dark_cells_and_dark_on_light_ones() -> None:
    axes = figure(SQUARE).axes[0]
    (image,) = axes.images
    for text in axes.texts:
        x, y = (int(position) for position in text.get_position())
        cell = np.mean(image.to_rgba(np.array([[SQUARE[y][x]]]))[0, 0, :3])
        assert abs(np.mean(to_rgba(text.get_color())[:3]) - cell) > 0.35


def test_long_title_is_folded_within_the_picture() -> None:
    title = "the test accuracy, the best over one thing, and another, and many more things that vary"
    made = figure(SQUARE, title=title)
    assert " ".join(made.axes[0].get_title().split()) == title
    FigureCanvasAgg(made).draw()  # type: ignore[no-untyped-call]
    box = made.axes[0].title.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= made.bbox.width
    assert box.y1 <= made.bbox.height


def test_few_that_learned_nothing_do_not_take_the_colours_of_the_rest() -> None:
    (image,) = figure([[0.1, 0.96], [0.97, 0.98]]).axes[0].images
    (near, far) = (image.to_rgba(np.array([[value]]))[0, 0, :3] for value in (0.96, 0.98))
    assert np.abs(near - far).max() > 0.3


def test_cells_too_small_for_their_text_have_none() -> None:
    crowd = pd.DataFrame(np.full((3, 60), 0.5), index=pd.Index([1, 2, 3], name="a"), columns=pd.Index(range(60)))
    made = figure_of(lambda path: draw_heat_map(crowd, [["50.00%"] * 60] * 3, None, "", path))
    assert texts(made.axes[0].texts) == []
