"""Which folders a store may not show all of: a file each in `<outputs_dir>/pending/`, so that the next command finds
them without reading every run there is. It has the ids of the MLflow runs that were begun meanwhile: the book has them
too, but may be damaged.
"""

from collections.abc import Iterator
from pathlib import Path

from experiments.recorders.book import BOOK, is_run_id
from experiments.untrusted import JSON_SIZE, RefusedError, read_bounded

KINDS = ("sweeps", "runs", "reruns")  # a sweep first: its runs are shown as its children


def pending(folder: Path) -> None:
    """Note it before the store is told anything of this folder."""
    mark = _mark(folder)
    mark.parent.mkdir(exist_ok=True)
    if mark.is_symlink() or mark.is_fifo():  # nothing is appended to a file of somebody else's, or to what waits
        mark.unlink()
    mark.touch()


def note_run(folder: Path, run_id: str) -> None:
    """Note an MLflow run that shows this folder, which is pending."""
    pending(folder)
    with _mark(folder).open("a", encoding="utf-8") as mark:
        mark.write(f"{run_id}\n")


def noted_runs(folder: Path) -> list[str]:
    """The MLflow runs noted since the folder is pending."""
    try:
        words = read_bounded(_mark(folder), JSON_SIZE).decode(errors="replace").split()
    except (FileNotFoundError, RefusedError):
        return []
    return [word for word in words if is_run_id(word)]


def is_pending(folder: Path) -> bool:
    """Whether it is noted."""
    return _mark(folder).exists()


def no_longer_pending(folder: Path) -> None:
    """Every store shows all of this folder."""
    _mark(folder).unlink(missing_ok=True)


def pending_folders(outputs_dir: Path) -> Iterator[Path]:
    """The folders noted, sweeps first."""
    for kind in KINDS:
        for mark in sorted((outputs_dir / "pending").glob(f"{kind}.*")):
            folder = outputs_dir / kind / mark.name.removeprefix(f"{kind}.")
            if _has_book(folder):
                yield folder
            else:  # removed by hand
                mark.unlink(missing_ok=True)


def all_folders(outputs_dir: Path) -> Iterator[Path]:
    """Every folder that has a book, sweeps first."""
    for kind in KINDS:
        yield from (book.parent for book in sorted((outputs_dir / kind).glob(f"*/{BOOK}")))


def _has_book(folder: Path) -> bool:
    """Whether it has one, also where nobody may look: a mark is taken back only of what is gone."""
    try:
        (folder / BOOK).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _mark(folder: Path) -> Path:
    return folder.parent.parent / "pending" / f"{folder.parent.name}.{folder.name}"
