"""An axis for every setting and one for the accuracy; every run is a line across them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.pictures.colours import BEST, COLOUR_MAP, NOTHING, TEXT, limits
from experiments.pictures.png import save_png
from experiments.pictures.scale import Scale, Value, scale

_SPREAD = 0.4  # of the room between two values of a setting: how far lines that meet in a value are drawn apart
_STEPS = 4  # of the accuracy's axis


@dataclass(frozen=True)
class Line:
    """One run: its value of each setting, and its accuracy; None: it came to nothing."""

    values: dict[str, Value]
    accuracy: float | None
    best: bool


def draw_parallel_coordinates(
    lines: Sequence[Line], levels: dict[str, list[Value]], accuracy: str, title: str, path: Path
) -> None:
    """Draw the lines coloured by accuracy, the best apart, and write them as PNG.

    Lines that share a value are drawn a little apart, the more accurate ones higher. A line of a run that came to
    nothing ends before the accuracy's axis.

    Args:
        lines: the best first.
        levels: the values of each setting, in the order of its axis, by the setting's name.
        accuracy: the name of the last axis.
        title: above the picture.
        path: of the PNG.
    """
    figure = Figure(figsize=(max(6.5, 2.3 * (len(levels) + 1)), 4.6))
    figure.subplots_adjust(left=0.1, right=0.9, top=0.82, bottom=0.06)
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots()
    low, high = limits([line.accuracy for line in lines if line.accuracy is not None])
    scales = {name: scale(values) for name, values in levels.items()}
    drawn = list(reversed(lines))  # the best comes on top
    shades = Normalize(low, high + 0.05 * (high - low) + 1e-9, clip=True)
    colours = [
        BEST if line.best else NOTHING if line.accuracy is None else colormaps[COLOUR_MAP](shades(line.accuracy))
        for line in drawn
    ]
    paths = [_path(line, scales, low, high) for line in drawn]
    widths = [2.8 if line.best else 1.3 if len(lines) <= 60 else 0.7 for line in drawn]
    styles = ["--" if line.accuracy is None else "-" for line in drawn]
    axes.add_collection(LineCollection(paths, colors=colours, linewidths=widths, linestyles=styles, zorder=2))
    for position, (name, own) in enumerate(scales.items()):
        _axis(axes, position, name, own.ticks, -1)
    clipped = any(line.accuracy is not None and line.accuracy < low for line in lines)
    _axis(axes, len(scales), accuracy, _accuracy_ticks(low, high, clipped), 1)
    axes.set(xlim=(-0.1, len(scales) + 0.1), ylim=(-0.08, 1.08))
    axes.set_axis_off()
    save_png(figure, path)


def _path(line: Line, scales: dict[str, Scale], low: float, high: float) -> list[tuple[float, float]]:
    """The corners of a line."""
    within = 0.5 if high == low else ((line.accuracy or 0.0) - low) / (high - low)
    within = float(np.clip(within, 0, 1))
    points = []
    for position, (name, own) in enumerate(scales.items()):
        room = 1 / max(1, len(own.places) - 1) if len(own.places) > 1 else 0.5
        points.append((float(position), own.places[line.values[name]] + _SPREAD * min(room, 0.25) * (within - 0.5)))
    if line.accuracy is not None:
        points.append((float(len(scales)), within))
    return points


def _accuracy_ticks(low: float, high: float, clipped: bool) -> dict[float, str]:
    """Labels from the lowest to the highest accuracy; what is lower than the axis stands at its foot."""
    if high == low:
        return {0.5: f"{high:.2%}"}
    ticks = {step / _STEPS: f"{low + step / _STEPS * (high - low):.2%}" for step in range(_STEPS + 1)}
    if clipped:
        ticks[0.0] = f"≤ {ticks[0.0]}"
    return ticks


def _axis(axes: Axes, position: int, name: str, ticks: dict[float, str], side: int) -> None:
    """Draw an axis, with its labels on the left (-1) or on the right (1)."""
    align = "right" if side < 0 else "left"
    axes.plot([position, position], [-0.06, 1.06], color=TEXT, linewidth=1, zorder=1)
    axes.text(position, 1.13, name, ha="center", fontsize=9, fontweight="bold", color=TEXT)
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
    for place, text in ticks.items():
        axes.plot([position - 0.015, position + 0.015], [place, place], color=TEXT, linewidth=1, zorder=3)
        axes.text(
            position + 0.03 * side, place, text, ha=align, va="center", fontsize=8, color=TEXT, bbox=box, zorder=4
        )
