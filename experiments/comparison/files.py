"""A comparison's files in the sweep's folder: CSV, JSON, pictures, and the page that shows them all."""

from pathlib import Path

from experiments.comparison.comparison import Comparison
from experiments.comparison.data_files import as_csv, as_json
from experiments.comparison.page import as_html
from experiments.comparison.pictures import draw_pictures
from experiments.files import write_whole


def write_comparison(comparison: Comparison) -> list[Path]:
    """Write all of them, and return what was written, the page first.

    A picture of an earlier comparison that there is no more is removed: nothing in the folder contradicts the rest.
    """
    folder = comparison.folder
    pictures = draw_pictures(comparison)
    for path in folder.pictures:
        if path not in pictures.values():
            path.unlink(missing_ok=True)
    write_whole(folder.table, as_csv(comparison))
    write_whole(folder.results, as_json(comparison))
    write_whole(folder.page, as_html(comparison, pictures))
    return [folder.page, folder.table, folder.results, *pictures.values()]
