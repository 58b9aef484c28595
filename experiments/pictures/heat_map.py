"""A number for every pair of two settings, such as learning rate × batch size."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from experiments.pictures.colours import BEST, COLOUR_MAP, TEXT, limits
from experiments.pictures.png import save_png
from experiments.pictures.scale import label

_WIDEST, _HIGHEST = 15.0, 20.0  # inches for the cells
_TITLE = 9.5  # characters an inch
_LEGIBLE = 0.62, 0.3  # inches that a cell needs for its text


def draw_heat_map(
    grid: pd.DataFrame, texts: Sequence[Sequence[str]], best: tuple[int, int] | None, title: str, path: Path
) -> None:
    """Draw accuracies as a coloured grid, the best cell framed, and write it as PNG.

    Args:
        grid: accuracies in [0, 1], NaN where there is none; index and columns are the two settings' values, named.
        texts: what stands in each cell, row by row.
        best: row and column of the cell to be framed.
        title: above the picture.
        path: of the PNG.
    """
    height, width = grid.shape
    lines = max(text.count("\n") + 1 for row in texts for text in row)
    cell_width, cell_height = min(0.95, _WIDEST / width), min(0.45 + 0.15 * lines, _HIGHEST / height)
    size = max(5.0, 2.6 + cell_width * width), max(2.3, 1.5 + cell_height * height)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    low, high = limits(grid.to_numpy().ravel().tolist())
    image = axes.imshow(grid, cmap=COLOUR_MAP, aspect="auto", vmin=low, vmax=high)
    axes.set_xticks(range(width), [label(value) for value in grid.columns], rotation=0 if width <= 12 else 60)
    axes.set_yticks(range(height), [label(value) for value in grid.index])
    axes.set(xlabel=grid.columns.name, ylabel=grid.index.name)
    axes.set_title(fill(title, int(_TITLE * size[0])), fontsize=10, color=TEXT)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if cell_width >= _LEGIBLE[0] and cell_height >= _LEGIBLE[1]:
        _write_texts(axes, grid.to_numpy(), texts, (low + high) / 2)
    if best is not None:
        corner = best[1] - 0.5, best[0] - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=BEST, linewidth=3, clip_on=False, zorder=3))
    clipped = bool((grid.to_numpy() < low).any())
    bar = figure.colorbar(
        image, ax=axes, format=PercentFormatter(1.0, decimals=1), extend="min" if clipped else "neither"
    )
    bar.outline.set_visible(False)
    save_png(figure, path)


def _write_texts(axes: Axes, values: npt.NDArray[np.float64], texts: Sequence[Sequence[str]], middle: float) -> None:
    """Write each cell's text, legible on its colour."""
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if value < middle else "black" if np.isfinite(value) else "#6e7781"
        axes.text(j, i, texts[i][j], ha="center", va="center", color=colour, fontsize=9)
