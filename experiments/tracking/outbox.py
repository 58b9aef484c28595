"""Which folders a store may not show completely: an empty file each in `<outputs_dir>/outbox/`.

So no command reads every run there is. A mark is made before a folder changes, and goes when every store has confirmed
all of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.tracking.targets import TARGETS

KINDS = ("sweeps", "runs", "reruns")  # a sweep first: its runs are shown as its children


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
                mark.unlink(missing_ok=True)


def all_folders(outputs_dir: Path) -> Iterator[Path]:
    """Every folder that is to be shown anywhere, sweeps first."""
    for kind in KINDS:
        yield from (path.parent for path in sorted((outputs_dir / kind).glob(f"*/{TARGETS}")))


def is_held(folder: Path) -> bool:
    """Whether a process runs the folder's run; the operating system frees the lock however that process ends."""
    try:
        with FileLock(folder / "lock", blocking=False):
            return False
    except (Timeout, OSError):  # an error: the folder is not ours to look at
        return True


@contextmanager
def exclusive(folder: Path, timeout: float = -1) -> Iterator[None]:
    """Let one process at a time publish a folder, or turn it into another attempt.

    Raises:
        Timeout: another process still does after so many seconds.
    """
    with FileLock(folder / "publish.lock", timeout=timeout):
        yield


def take_out(folder: Path, is_confirmed: Callable[[], bool]) -> None:
    """Remove the mark if the stores have confirmed all, asked while no process can change the folder."""
    with suppress(Timeout, OSError), FileLock(folder / "lock", blocking=False):
        if is_confirmed():
            _mark(folder).unlink(missing_ok=True)


def _mark(folder: Path) -> Path:
    return folder.parent.parent / "outbox" / f"{folder.parent.name}.{folder.name}"
