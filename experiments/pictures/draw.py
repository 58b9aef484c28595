"""The pictures of a run or a sweep, drawn from its folder by whoever shows it: processes that train draw nothing."""

from pathlib import Path

from cnn_core.state import load_state
from experiments.comparison.comparison import compare
from experiments.comparison.files import write_comparison
from experiments.errors import UserError
from experiments.pictures.augmentation import draw_augmentation
from experiments.pictures.learning_curve import draw_learning_curve
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.sweeps.folder import SweepFolder

_LARGEST = 1 << 28  # bytes of the images that augmentation is shown on


def draw(folder: Path) -> None:
    """Draw what is missing or older than what it shows, of a run or a sweep that has ended.

    Raises:
        OSError: the folder cannot be written to.
    """
    if folder.parent.name == "sweeps":
        _draw_sweep(SweepFolder(folder.parent.parent, folder.name))
    else:
        _draw_run(RunFolder.at(folder))


def _draw_run(folder: RunFolder) -> None:
    rows, completion = History(folder.history).rows(), folder.summary()
    if completion is not None and _is_older(folder.learning_curve, folder.finished):
        title = f"run {folder.identity} ({completion['outcome']})"
        draw_learning_curve(rows, title, folder.learning_curve)
    if _is_older(folder.augmentation, folder.augmentation_images):
        images = load_state(folder.augmentation_images, limit=_LARGEST)
        scale = images.pop("scale", None)
        if scale is None or scale.size != 1:
            raise ValueError(f"{folder.augmentation_images}: has no scale; the run's own command writes it anew")
        draw_augmentation(images, float(scale), f"run {folder.identity}, augmentation", folder.augmentation)


def _draw_sweep(folder: SweepFolder) -> None:
    if _is_older(folder.page, folder.status):
        try:
            write_comparison(compare(folder))
        except UserError:  # the plan is missing or damaged, as `compare` says
            return


def _is_older(picture: Path, source: Path) -> bool:
    """Whether a picture is missing or not of what it should show, if there is anything."""
    if not source.is_file():
        return False
    return not picture.is_file() or picture.stat().st_mtime_ns < source.stat().st_mtime_ns
