"""Figures as files."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from experiments.files import write_whole


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    content = BytesIO()
    quick = {"compress_level": 3}  # in half the time of the usual 6, and a tenth larger
    figure.savefig(content, dpi=130, format="png", pil_kwargs=quick)
    write_whole(path, content.getvalue())
