"""Which folders a store may not show completely: an empty file each in `<outputs_dir>/outbox/`.

So no command reads every run there is. A mark is made before a folder changes, and goes when every store has confirmed
all of it.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from experiments import files
from experiments.tracking.targets import TARGETS

_PATIENCE = 2.0  # seconds to wait for a publisher of a folder
KINDS = ("sweeps", "runs", "reruns")  # a sweep first: its runs are shown as its children


def is_sweep(folder: Path) -> bool:
    """Whether a folder is a sweep's, not a run's."""
    return folder.parent.name == "sweeps"


def put(folder: Path) -> None:
    """Mark a folder; for whoever holds its lock."""
    mark = _mark(folder)
    mark.parent.mkdir(exist_ok=True)
    mark.touch()


def unpublished(outputs_dir: Path) -> Iterator[Path]:
    """The marked folders, sweeps first."""
    for kind in KINDS:
        for mark in sorted((outputs_dir / "outbox").glob(f"{kind}.*")):
            folder = outputs_dir / kind / mark.name.removeprefix(f"{kind}.")
            if folder.is_dir():
                yield folder
            else:  # removed by hand
                with suppress(OSError):  # it is not ours to change
                    mark.unlink(missing_ok=True)


def all_folders(outputs_dir: Path) -> Iterator[Path]:
    """Every folder that is to be shown anywhere, sweeps first."""
    for kind in KINDS:
        yield from (path.parent for path in sorted((outputs_dir / kind).glob(f"*/{TARGETS}")))


def is_held(folder: Path) -> bool:
    """Whether a process runs the folder's run; the operating system frees the lock however that process ends."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not meet
            return False
    except FileNotFoundError:
        return False
    except OSError:  # locked, or not ours to look at
        return True


@contextmanager
def exclusive(folder: Path, timeout: float = -1) -> Iterator[None]:
    """Let one process at a time publish a folder, or turn it into another attempt.

    Raises:
        Timeout: another process still does after so many seconds.
    """
    with FileLock(folder / "publish.lock", timeout=timeout):
        yield


def remove_drafts(folder: Path) -> None:
    """Remove what processes that were killed had not finished writing, unless a publisher is writing there."""
    with suppress(Timeout), exclusive(folder, _PATIENCE):
        files.remove_drafts(folder)


def take_out(folder: Path, is_confirmed: Callable[[], bool]) -> None:
    """Remove the mark if the stores have confirmed all, asked while nobody can change the folder or what they show."""
    with suppress(Timeout, OSError), exclusive(folder, _PATIENCE), FileLock(folder / "lock", blocking=False):
        if is_confirmed():
            _mark(folder).unlink(missing_ok=True)


def _mark(folder: Path) -> Path:
    return folder.parent.parent / "outbox" / f"{folder.parent.name}.{folder.name}"
