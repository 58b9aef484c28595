"""Every moment at which a process is about to change something on the disk, and its death at one of them.

Python announces each file that is opened for writing, moved or removed (`sys.addaudithook`); besides that, every fsync
counts. Between two of them nothing changes that a kill could tear. What a process starts is not counted.
"""

import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")


def die_at(number: int | None, points: Path | None) -> None:
    """Kill this process before one of its writes, counted from 1; write down what they are, if asked."""
    counted = count(1)
    noted = None if points is None else points.open("a", buffering=1)

    def point(what: str) -> None:
        here = next(counted)
        if noted is not None:
            noted.write(f"{here} {threading.current_thread().name}: {what}\n")
        if here == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            point(f"{event} {arguments[0]}")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING and _is_a_file(arguments[0]):
            point(f"open {arguments[0]}")

    _announce_fsync(point)
    sys.addaudithook(heard)


def _is_a_file(path: Any) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and not os.fsdecode(path).startswith("/dev/")


def _announce_fsync(point: Any) -> None:
    fsync = os.fsync

    def announced(fd: Any) -> None:
        point("fsync")
        fsync(fd)

    os.fsync = announced
