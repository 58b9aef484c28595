"""The picture of what augmentation does: a row a kind, an image a column."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.pictures.augmentation import draw_augmentation
from tests.runner.pictures.pixels import figure_of, size, texts


def rows(*shape: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 17, size=shape, dtype=np.uint8) for name in ("original", "epoch 1", "epoch 2")}


def figure(made: dict[str, np.ndarray]) -> Figure:
    return figure_of(lambda path: draw_augmentation(made, 1 / 16, "the title", path))


def tiles(made: dict[str, np.ndarray]) -> np.ndarray:
    (axes,) = figure(made).axes
    (image,) = axes.images
    return np.asarray(image.get_array())


@pytest.mark.parametrize("shape", [(8, 1, 28, 28), (8, 3, 12, 9), (1, 1, 1, 1), (2, 5, 4, 4)])
def test_picture_is_a_png(shape: tuple[int, ...], tmp_path: Path) -> None:
    draw_augmentation(rows(*shape), 1 / 16, "the title", tmp_path / "augmentation.png")
    width, height = size(tmp_path / "augmentation.png")
    assert width >= 800
    assert height >= 80


def test_picture_does_not_depend_on_those_drawn_before(tmp_path: Path) -> None:
    for name, shape in (("first", (2, 1, 4, 6)), ("other", (5, 3, 9, 3)), ("again", (2, 1, 4, 6))):
        draw_augmentation(rows(*shape), 1 / 16, "the title", tmp_path / f"{name}.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "first.png").read_bytes()


def test_rows_are_named() -> None:
    made = figure(rows(4, 1, 6, 6))
    assert made.get_suptitle() == "the title"
    (axes,) = made.axes
    assert texts(axes.get_yticklabels()) == ["original", "epoch 1", "epoch 2"]
    assert [text.get_text() for text in axes.get_xticklabels()] == []


def test_every_image_stands_in_its_row_and_column_at_its_own_brightness() -> None:
    made = rows(4, 1, 6, 5)
    drawn = tiles(made)
    for row, images in enumerate(made.values()):
        for column, image in enumerate(images):
            top, left = row * (6 + 2), column * (5 + 2)
            assert np.array_equal(drawn[top : top + 6, left : left + 5], image[0] / 16)


def test_three_channels_are_colours_and_of_others_the_first_is_drawn() -> None:
    colours = rows(2, 3, 4, 4)
    assert np.array_equal(tiles(colours)[:4, :4], colours["original"][0].transpose(1, 2, 0) / 16)
    others = rows(2, 2, 4, 4)
    assert np.array_equal(tiles(others)[:4, :4], others["original"][0, 0] / 16)


def test_brightness_means_the_same_in_every_picture() -> None:
    (axes,) = figure({"original": np.full((1, 1, 2, 2), 4, np.uint8)}).axes
    assert axes.images[0].get_clim() == (0, 1)
