"""The publisher as the command that starts it sees it: begun before training, closed after it, waited for a while.

It has a session of its own, so Ctrl-C does not reach it. Nothing here imports MLflow.
"""

import atexit
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from experiments.tracking.outbox import is_held, unpublished
from experiments.tracking.targets import targets
from experiments.tracking.uri import absolute_uri, is_server, public

_log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_START, _LOCAL, _SERVER = 60.0, 30.0, 6.0  # seconds without a sign of life: before the first, later, from a server
LONGEST = 60.0  # seconds in all to wait for it when nothing else is left to do


def nothing_lost(left: int) -> str:
    """What a command says at its end where a store does not show all."""
    are = "1 run is" if left == 1 else f"{left} runs are"
    goes_on = "the next command that tracks there goes on, or python -m experiments.sync"
    return f"Nothing is lost: {are} not complete there yet; {goes_on}."


_started: list["subprocess.Popen[str]"] = []


def start_early() -> None:
    """Start it before it is known what for: MLflow's import takes longer than composing a configuration."""
    with suppress(OSError):  # it is tried again where it is needed
        _started.append(_start())
        atexit.register(_end_unused)


def _end_unused() -> None:
    for process in _started:
        process.kill()


def _start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "experiments.tracking"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, cwd=_ROOT, text=True)


@contextmanager
def publishing(uri: str, outputs_dir: Path) -> Iterator[None]:
    """Have MLflow show, from here on and a while after, what runs write in this context."""
    try:
        publisher = PublisherProcess(absolute_uri(uri), outputs_dir)
    except OSError as error:  # too many processes, too little memory
        yield
        left = _left(absolute_uri(uri), outputs_dir)
        _log.warning("tracking.uri=%s: no publisher can be started: %s\n%s", public(uri), error, nothing_lost(left))
        return
    try:
        yield
    finally:
        publisher.finish()


class PublisherProcess:
    """A publisher of one command, from its start to its end."""

    def __init__(self, uri: str, outputs_dir: Path) -> None:
        self._uri, self._outputs_dir = uri, outputs_dir
        self._start()

    def _start(self) -> None:
        self._heard, self._is_ready = time.monotonic(), False
        self._process = _started.pop() if _started else _start()
        self._reader = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._reader.start()
        asked = {"uri": self._uri, "outputs_dir": str(self._outputs_dir.absolute())}
        self._send(json.dumps(asked) + "\n")

    def finish(self) -> None:
        """Let it make a last pass, and wait as long as it gets anywhere; what is missing stays in the outbox.

        Raises:
            KeyboardInterrupt: somebody does not want to wait; it makes its last pass alone.
        """
        if not (self._left() or self._is_ready):  # there is nothing that it would have to be imported for
            self._end()
            return
        if self._process.poll() is not None and self._left():  # it was killed
            self._end()
            with suppress(OSError):
                self._start()
        self._send("done\n")
        with suppress(OSError):
            self._stdin.close()
        started = self._heard = time.monotonic()
        while self._process.poll() is None and self._patience() > 0 and time.monotonic() - started < LONGEST:
            time.sleep(0.01)
        self._end()
        if self._process.returncode and (left := self._left()):
            _log.warning("tracking.uri=%s: is too slow to be waited for\n%s", public(self._uri), nothing_lost(left))

    def _left(self) -> int:
        return _left(self._uri, self._outputs_dir)

    def _patience(self) -> float:
        quiet = time.monotonic() - self._heard
        return (_START if not self._is_ready else _SERVER if is_server(self._uri) else _LOCAL) - quiet

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(1)
        for pipe in (self._stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _send(self, line: str) -> None:
        with suppress(OSError, ValueError):  # it was killed already, or could not be started again
            self._stdin.write(line)
            self._stdin.flush()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None  # it is a pipe
        return self._process.stdin

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        """Log what it says; a run's log has it too, as long as there is one."""
        for line in process.stdout or ():
            self._heard, self._is_ready = time.monotonic(), True
            with suppress(ValueError):
                if text := json.loads(line):
                    _log.warning("%s", text)


def _left(uri: str, outputs_dir: Path) -> int:
    """How many folders that no process is at a publisher could do something for."""
    return sum(
        any(target.is_at(uri) for target in targets(folder)) and not is_held(folder)
        for folder in unpublished(outputs_dir)
    )
