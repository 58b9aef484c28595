"""Loss and accuracy over the epochs of many runs, laid over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, ScalarFormatter

from experiments.pictures.colours import BEST, COLOUR_MAP, NOTHING, limits
from experiments.pictures.png import save_png
from experiments.pictures.scale import plain

_FEW = 9  # curves that a legend can name
_BETTER, _REACH = 0.75, 1.5  # the part of the runs that fills the picture; what goes beyond by half as much leaves it

FloatArray = npt.NDArray[np.float64]
Colour = str | tuple[float, float, float, float]
Style = Literal["-", "--"]


@dataclass(frozen=True)
class Curve:
    """One run: epoch by epoch its loss and accuracy. `accuracy` is what it came to; None: it came to nothing."""

    name: str
    losses: Sequence[float]
    accuracies: Sequence[float]
    accuracy: float | None
    best: bool


def draw_learning_curves(curves: Sequence[Curve], names: tuple[str, str], title: str, path: Path) -> None:
    """Draw all curves, the better the lighter, the best apart, those that came to nothing dashed; write them as PNG.

    Args:
        curves: the best first.
        names: of the loss and of the accuracy.
        title: above the picture.
        path: of the PNG.
    """
    figure = Figure(figsize=(11, 4.4))
    figure.subplots_adjust(left=0.06, right=0.8, top=0.86, bottom=0.12, wspace=0.2)
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2)
    colours = _colours(curves)
    _draw(left, [curve.losses for curve in curves], curves, colours)
    _draw(right, [curve.accuracies for curve in curves], curves, colours)
    _loss_axis(left, curves)
    _accuracy_axis(right, curves)
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axes, name in zip((left, right), names, strict=True):
        axes.set(xlabel="epoch", title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    _legend(figure, curves, colours)
    save_png(figure, path)


def _colours(curves: Sequence[Curve]) -> list[Colour]:
    final = [curve.accuracy for curve in curves if curve.accuracy is not None]
    low, high = limits(final)
    shade = Normalize(low, high + 0.1 * (high - low) + 1e-9, clip=True)  # the lightest of all is lost on white
    return [
        BEST if curve.best else NOTHING if curve.accuracy is None else colormaps[COLOUR_MAP](shade(curve.accuracy))
        for curve in curves
    ]


def _draw(
    axes: Axes,
    series: Sequence[Sequence[float]],
    curves: Sequence[Curve],
    colours: Sequence[Colour],
) -> None:
    """Draw one panel: one collection for all lines, since hundreds of artists take seconds."""
    order = [position for position in reversed(range(len(curves))) if series[position]]  # the best comes on top
    lines = [np.column_stack([np.arange(1, len(series[i]) + 1), series[i]]) for i in order]
    many = len(curves) > _FEW
    widths = [2.6 if curves[i].best else 0.8 if many else 1.5 for i in order]
    styles = ["--" if curves[i].accuracy is None else "-" for i in order]
    axes.add_collection(
        LineCollection(lines, colors=[colours[i] for i in order], linewidths=widths, linestyles=styles, zorder=2)
    )
    for i, points in zip(order, lines, strict=True):
        if len(points) == 1:  # a line of one point is not seen
            axes.plot(*points[0], "o", color=colours[i], markersize=6 if curves[i].best else 3, zorder=2)
    axes.autoscale_view()


def _loss_axis(axes: Axes, curves: Sequence[Curve]) -> None:
    """Losses span decades."""
    every, better = (np.log10(values[values > 0]) for values in _shown([curve.losses for curve in curves]))
    if not every.size:
        return
    low, high = float(every.min()), float(every.max())
    if better.size:
        high = min(high, low + _REACH * (float(better.max()) - low))
    axes.set_yscale("log")
    axes.set_ylim(10**low / 1.15, 10**high * 1.15)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high - low > 4 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _accuracy_axis(axes: Axes, curves: Sequence[Curve]) -> None:
    every, better = _shown([curve.accuracies for curve in curves])
    if not every.size:
        return
    low, high = float(every.min()), float(every.max())
    if better.size:
        low = max(low, high - _REACH * (high - float(better.min())))
    margin = 0.05 * (high - low) or 0.01
    axes.set_ylim(low - margin, high + margin)


def _shown(series: Sequence[Sequence[float]]) -> tuple[FloatArray, FloatArray]:
    """All finite numbers, and those of the better runs: the first of them, as they come the best first.

    A few runs that ran away, or learned nothing, must not press all others together.
    """
    better = [values for values in series if values][: ceil(_BETTER * len(series))]
    return _finite(series), _finite(better)


def _finite(series: Sequence[Sequence[float]]) -> FloatArray:
    numbers = np.array([value for values in series for value in values], dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def _legend(figure: Figure, curves: Sequence[Curve], colours: Sequence[Colour]) -> None:
    """Name every curve where they are few, else the best one, the rest of them, and those that came to nothing."""
    named: list[tuple[str, Colour, Style]] = [
        (curve.name, colour, "--" if curve.accuracy is None else "-")
        for curve, colour in zip(curves, colours, strict=True)
    ]
    if len(curves) > _FEW:
        shown = dict.fromkeys(entry for entry, curve in zip(named, curves, strict=True) if curve.best)
        completed = sum(curve.accuracy is not None and not curve.best for curve in curves)
        nothing = sum(curve.accuracy is None for curve in curves)
        named = list(shown)[:_FEW]
        if completed:
            named.append((f"{completed} others, the better the lighter", colormaps[COLOUR_MAP](0.5), "-"))
        if nothing:
            named.append((f"{nothing} not completed", NOTHING, "--"))
    handles = [Line2D([], [], color=colour, linestyle=style) for _, colour, style in named]
    labels = [plain(_folded(name)) for name, _, _ in named]
    figure.legend(handles, labels, loc="center left", bbox_to_anchor=(0.805, 0.5), frameon=False, fontsize=8)


def _folded(name: str, width: int = 30) -> str:
    """Break a long name at its spaces."""
    lines = [""]
    for word in name.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
