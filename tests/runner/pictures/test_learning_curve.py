"""The learning curve: every part of the data that was measured has its line."""

import sys
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.pictures.learning_curve import draw_learning_curve
from experiments.runs.history import Row
from tests.runner.pictures.pixels import figure_of, size, texts


def row(epoch: int, *parts: str) -> Row:
    metrics = {f"{part}/{name}": epoch / 10 + len(part) for part in parts for name in ("loss", "accuracy")}
    return Row(epoch, {**metrics, "time/epoch_s": 9.0}, 0, "")


def figure(*rows: Row) -> Figure:
    return figure_of(lambda path: draw_learning_curve(rows, "the title", path))


def lines(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    return {str(line.get_label()): [(x, y) for x, y in line.get_xydata().tolist()] for line in axes.lines}  # type: ignore[union-attr]


def test_picture_is_a_png_of_a_legible_size(tmp_path: Path) -> None:
    draw_learning_curve([row(1, "train", "test")], "the title", tmp_path / "curve.png")
    width, height = size(tmp_path / "curve.png")
    assert width >= 800
    assert height >= 300


def test_loss_and_accuracy_stand_side_by_side_under_the_title() -> None:
    made = figure(row(1, "train", "test"))
    assert made.get_suptitle() == "the title"
    assert [axes.get_title() for axes in made.axes] == ["loss", "accuracy"]
    assert [axes.get_xlabel() for axes in made.axes] == ["epoch", "epoch"]


def test_every_measurement_is_a_point() -> None:
    left, right = figure(row(1, "train", "test"), row(2, "train", "test")).axes
    expected = {"train": [(1, 5.1), (2, 5.2)], "test": [(1, 4.1), (2, 4.2)]}
    assert lines(left) == lines(right) == expected


def test_validation_has_a_line_where_it_was_measured() -> None:
    left, _ = figure(row(1, "train", "val", "test")).axes
    assert set(lines(left)) == {"train", "val", "test"}
    legend = left.get_legend()
    assert legend is not None
    assert texts(legend.get_texts()) == ["train", "val", "test"]


def test_parts_differ_in_colour() -> None:
    left, right = figure(row(1, "train", "val", "test")).axes
    colours = [line.get_color() for line in left.lines]
    assert len(set(colours)) == 3
    assert colours == [line.get_color() for line in right.lines]


@pytest.mark.parametrize("rows", [[], [Row(1, {"train/loss": float("nan")}, 0, "")]], ids=["no epoch", "no number"])
def test_run_without_a_number_has_a_picture_all_the_same(rows: list[Row], tmp_path: Path) -> None:
    draw_learning_curve(rows, "diverged", tmp_path / "curve.png")
    assert size(tmp_path / "curve.png")


def test_picture_does_not_depend_on_those_drawn_before(tmp_path: Path) -> None:
    rows = [row(1, "train", "test"), row(2, "train", "test")]
    draw_learning_curve(rows, "the title", tmp_path / "first.png")
    others = [row(100 * epoch, "train", "val", "test") for epoch in range(1, 30)]
    for other in ([], others, [Row(1, {"train/loss": 1e9}, 0, "")]):
        draw_learning_curve(other, "a title that is longer", tmp_path / "other.png")
    draw_learning_curve(rows, "the title", tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "first.png").read_bytes()


def test_nothing_global_is_touched(tmp_path: Path) -> None:
    before = "matplotlib.pyplot" in sys.modules
    draw_learning_curve([row(1, "train")], "", tmp_path / "curve.png")
    assert ("matplotlib.pyplot" in sys.modules) == before
