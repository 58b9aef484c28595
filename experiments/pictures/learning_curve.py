"""Loss and accuracy over the epochs of one run."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from experiments.pictures.png import save_png
from experiments.runs.history import Row

_COLOURS = {"train": "#1f6feb", "val": "#8250df", "test": "#bc4c00"}


def draw_learning_curve(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw the curves of every part of the data that was measured, and write them as PNG."""
    figure = _panels()
    figure.suptitle(title, fontsize=11)
    for axes in figure.axes:
        _draw(axes, rows)
    save_png(figure, path)


@cache
def _panels() -> Figure:
    """Make the figure without curves: one for all runs of a sweep, as it takes long to make."""
    figure = Figure(figsize=(9, 3.6))
    FigureCanvasAgg(
        figure
    )  # of its own, or each picture gets a new one, megabytes that only the garbage collector frees
    figure.subplots_adjust(left=0.06, right=0.98, top=0.82, bottom=0.14, wspace=0.16)
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.set_title(quantity, y=1)  # given its place, matplotlib need not measure everything around it
        axes.set_xlabel("epoch")
        axes.xaxis.set_label_coords(0.5, -0.12)  # likewise
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the curves of the quantity that a panel is for, in the place of those before."""
    for line in [*axes.lines]:
        line.remove()
    for part, colour in _COLOURS.items():
        key = f"{part}/{axes.get_title()}"
        points = [(row.epoch, row.metrics[key]) for row in rows if key in row.metrics]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, label=part)
    axes.relim()
    axes.autoscale_view()
    if legend := axes.get_legend():
        legend.remove()
    if axes.lines:
        axes.legend(frameon=False)
