"""Accuracy over the values of one setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.pictures.colours import BEST, NOTHING
from experiments.pictures.png import save_png
from experiments.pictures.scale import Value, label, scale

_LINE = "#1f6feb"
_WIDE = 90  # characters that the labels side by side have room for


@dataclass(frozen=True)
class AccuracyPoint:
    """One value of the setting: its mean accuracy, the deviation of the mean's runs, and each of them; None: no run."""

    value: Value
    mean: float | None
    deviation: float | None
    accuracies: Sequence[float]
    best: bool


def draw_accuracy(points: Sequence[AccuracyPoint], name: str, title: str, path: Path, *, connected: bool) -> None:
    """Draw the means with their deviations, each run as a dot, the best mean apart, and write it as PNG.

    Args:
        points: in the order of the axis.
        name: of the setting.
        title: above the picture.
        path: of the PNG.
        connected: whether a line joins the means; not where the values have no order.
    """
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axes = figure.subplots()
    axis = scale([point.value for point in points])
    present = [point for point in points if point.mean is not None]
    x = [axis.places[point.value] for point in present]
    means = [point.mean or 0.0 for point in present]
    axes.plot(x, means, color=_LINE, linewidth=1.2 if connected else 0, marker="o", markersize=5)
    axes.errorbar(x, means, [point.deviation or 0.0 for point in present], fmt="none", ecolor=_LINE, capsize=3)
    dots = [(axis.places[point.value], accuracy) for point in present for accuracy in point.accuracies]
    if len(dots) > len(present):
        axes.plot(*zip(*dots, strict=True), "o", markersize=3, color=NOTHING, zorder=1)
    for place, point in zip(x, present, strict=True):
        if point.best and point.mean is not None:
            axes.plot(place, point.mean, "o", color=BEST, markersize=9, zorder=4)
            text = f"{label(point.value)}: {point.mean:.2%}"
            top = point.mean + (point.deviation or 0.0)
            axes.annotate(text, (place, top), (0, 9), textcoords="offset points", ha="center", color=BEST)
    for point in points:
        if point.mean is None:  # no run of it is completed: a cross on the axis
            axes.plot(
                axis.places[point.value], 0, "x", color=NOTHING, transform=axes.get_xaxis_transform(), clip_on=False
            )
    axes.set_xlim(-0.06, 1.06)
    axes.margins(y=0.18)
    axes.set_xticks(list(axis.ticks), list(axis.ticks.values()))
    if sum(map(len, axis.ticks.values())) > _WIDE:
        axes.tick_params("x", rotation=30)
    axes.set_xlabel(name)
    axes.set_title(title, fontsize=10)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    save_png(figure, path)
