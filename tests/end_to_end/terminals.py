"""Commands on a terminal of their own, which can be closed under them."""

import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runner.composed import CHECKOUT

# What a terminal's window does for the program in it; with "nohup" as well what the command of that name does.
_STARTER = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])
"""


class Terminal:
    """A window with a command in it. What the command prints is read all the time, as a window does."""

    def __init__(self, command: list[str], cwd: Path, *, nohup: bool) -> None:
        self._window, inside = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _STARTER, "nohup" if nohup else "", *command],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self.shown = b""
        self._closed = False
        self._ended, self._end = os.pipe()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Close the window: the command hears of it, and cannot print any more."""
        if not self._closed:
            self._closed = True
            os.close(self._end)
            self._reader.join()
            os.close(self._window)
            os.close(self._ended)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._window, self._ended], [], [])
            if self._ended in ready:
                return
            try:
                self.shown += os.read(self._window, 4096)
            except OSError:  # the command has ended
                return


@contextmanager
def on_a_terminal(*words: str, cwd: Path, nohup: bool = False) -> Iterator[Terminal]:
    """Start `python -m experiments.WORDS` in a window; at the end neither is left."""
    terminal = Terminal(["experiments." + words[0], *words[1:]], cwd, nohup=nohup)
    try:
        yield terminal
    finally:
        terminal.close()
        if terminal.process.poll() is None:
            terminal.process.kill()
        terminal.process.wait()
