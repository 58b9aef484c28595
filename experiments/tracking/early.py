"""The publisher's process, started before anything else is imported and before it is known what for."""

import atexit
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_waiting: list["subprocess.Popen[str]"] = []


def start() -> None:
    """Have a publisher import MLflow, which takes longer than composing a configuration."""
    with suppress(OSError):  # it is tried again where it is needed
        _waiting.append(_start())
        atexit.register(_end_unused)


def take() -> "subprocess.Popen[str]":
    """The one that waits, or a new one.

    Raises:
        OSError: none can be started.
    """
    return _waiting.pop() if _waiting else _start()


def _end_unused() -> None:
    for process in _waiting:
        process.kill()


def _start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "experiments.tracking"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, cwd=_ROOT, text=True)
