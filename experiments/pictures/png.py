"""Figures as files."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from experiments.files import write_whole


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    content = BytesIO()
    figure.savefig(content, dpi=130, format="png")
    write_whole(path, content.getvalue())
