"""A number for every pair of two settings, such as learning rate × batch size."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from experiments.pictures.png import save_png


def draw_heat_map(grid: pd.DataFrame, title: str, path: Path) -> None:
    """Draw accuracies as a coloured grid, the best cell framed, and write it as PNG.

    Args:
        grid: accuracies in [0, 1], NaN where there is none; index and columns are the two settings' values, named.
        title: above the picture.
        path: of the PNG.
    """
    height, width = grid.shape
    figure = Figure(figsize=(2.6 + 0.95 * width, 1.7 + 0.6 * height), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid, cmap="viridis", aspect="auto")
    axes.set_xticks(range(width), [_label(value) for value in grid.columns])
    axes.set_yticks(range(height), [_label(value) for value in grid.index])
    axes.set(xlabel=grid.columns.name, ylabel=grid.index.name)
    axes.set_title(title, fontsize=11)
    _write_values(axes, grid.to_numpy())
    figure.colorbar(image, ax=axes, format=PercentFormatter(1.0, decimals=1))
    save_png(figure, path)


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _write_values(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """Write each accuracy into its cell, legible on its colour, and frame the best."""
    present = np.isfinite(values)
    middle = (values[present].min() + values[present].max()) / 2 if present.any() else 0
    for (i, j), value in np.ndenumerate(values):
        text = f"{value:.2%}" if present[i, j] else "–"
        colour = "white" if present[i, j] and value < middle else "black"
        axes.text(j, i, text, ha="center", va="center", color=colour)
    if present.any():
        i, j = np.unravel_index(np.nanargmax(values), values.shape)
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="crimson", linewidth=3))
