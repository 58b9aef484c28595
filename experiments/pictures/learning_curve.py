"""Loss and accuracy over the epochs of one run."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from experiments.pictures.png import save_png
from experiments.recorders.history import Row

_COLOURS = {"train": "#1f6feb", "val": "#8250df", "test": "#bc4c00"}


def draw_learning_curve(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw the curves of every part of the data that was measured, and write them as PNG."""
    figure = Figure(figsize=(9, 3.6))
    figure.subplots_adjust(left=0.06, right=0.98, top=0.82, bottom=0.14, wspace=0.16)
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2)
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        _draw(axes, rows, quantity)
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    save_png(figure, path)


def _draw(axes: Axes, rows: Sequence[Row], quantity: str) -> None:
    for part, colour in _COLOURS.items():
        key = f"{part}/{quantity}"
        points = [(row.epoch, row.metrics[key]) for row in rows if key in row.metrics]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, label=part)
    axes.set(xlabel="epoch", title=quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
