"""A few training images, and what augmentation makes of them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from experiments.pictures.png import save_png

_GAP = 2  # pixels between images


def draw_augmentation(rows: Mapping[str, npt.NDArray[np.uint8]], scale: float, title: str, path: Path) -> None:
    """Draw each row of images beside its name, the same images one below the other, and write it as PNG.

    Args:
        rows: uint8 `(N, C, H, W)` each, by name. Three channels are colours; of any other number the first is drawn.
        scale: a pixel times this lies in [0, 1].
        title: above the picture.
        path: of the PNG.
    """
    tiles = np.concatenate([_tile(images * scale) for images in rows.values()])
    height, width = tiles.shape[:2]
    pitch = height / len(rows)
    figure = _figure()
    figure.clear()
    figure.set_size_inches(7, 7 * 0.88 * height / width + 0.5)
    figure.suptitle(title, fontsize=11)
    axes = figure.add_axes((0.11, 0.02, 0.88, 1 - 0.52 / figure.get_figheight()))  # one for all: each takes its time
    axes.imshow(tiles, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_yticks([(number + 0.5) * pitch for number in range(len(rows))], list(rows))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    save_png(figure, path)


@cache
def _figure() -> Figure:
    """Make one figure for the runs of a sweep: each would keep megabytes until the garbage collector comes by."""
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure


def _tile(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(N, C, H, W)` → `(H + gap, N·(W + gap), 3 or nothing)`, white between the images."""
    coloured = images if images.shape[1] == 3 else images[:, :1]
    framed = np.pad(coloured, ((0, 0), (0, 0), (0, _GAP), (0, _GAP)), constant_values=1)
    count, channels, height, width = framed.shape
    tile = framed.transpose(2, 0, 3, 1).reshape(height, count * width, channels)  # (H, N, W, C) → (H, N·W, C)
    return tile if channels == 3 else tile[:, :, 0]
