"""The publisher as the command that starts it sees it: started before training, told to end after it, waited for.

It has a session of its own, so Ctrl-C does not reach it. Nothing here imports MLflow.
"""

import json
import logging
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from experiments.store.uri import absolute_uri, is_server, public
from experiments.tracking import early
from experiments.tracking.outbox import is_held, is_sweep, unpublished
from experiments.tracking.targets import is_shown_at, published, targets

_log = logging.getLogger(__name__)

_START, _LOCAL, _SERVER = 60.0, 30.0, 6.0  # seconds without a sign of life: before the first, later, from a server
LONGEST = 60.0  # seconds in all to wait for it when nothing else is left to do


def nothing_lost(left: Iterable[Path]) -> str:
    """What a command says at its end where a store does not show all of these folders."""
    is_shown = [_is_shown(folder) for folder in left if not is_sweep(folder)]
    runs, files = is_shown.count(False), is_shown.count(True)
    missing = [f"{runs} {'run is' if runs == 1 else 'runs are'} not complete there yet"] if runs else []
    missing += [f"files of {files} {'run' if files == 1 else 'runs'} are not there yet"] if files else []
    said = ", ".join(missing) or "the sweep is not complete there yet"
    return f"Nothing is lost: {said}; the next command with this tracking.uri goes on, or python -m experiments.sync."


def _is_shown(folder: Path) -> bool:
    """Whether all but files is there."""
    try:
        notes, current = published(folder), [target.key for target in targets(folder) if target.current]
    except OSError:  # it cannot be read
        return False
    return all(key in notes and notes[key].is_final for key in current)


@contextmanager
def publishing(uri: str, outputs_dir: Path) -> Iterator[None]:
    """Have MLflow show, from here on and a while after, what runs write in this context."""
    try:
        publisher = PublisherProcess(absolute_uri(uri), outputs_dir)
    except OSError as error:  # too many processes, too little memory
        yield
        left = nothing_lost(_left(absolute_uri(uri), outputs_dir))
        _log.warning("tracking.uri=%s: no publisher can be started: %s\n%s", public(uri), error, left)
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
        self._process = early.take()
        self._reader = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        try:
            self._reader.start()
        except RuntimeError as error:  # too many threads
            self._process.kill()
            raise OSError(str(error)) from error
        self._send(json.dumps({"uri": self._uri, "outputs_dir": str(self._outputs_dir.absolute())}))

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
        self._send("done")
        with suppress(OSError):
            self._stdin.close()
        started = self._heard = time.monotonic()
        while self._process.poll() is None and self._patience() > 0 and time.monotonic() - started < LONGEST:
            time.sleep(0.01)
        code = self._process.poll()
        self._end()
        if code != 0 and (left := self._left()):
            why = f"the publisher failed with exit code {code}" if code and code > 0 else "it did not finish in time"
            _log.warning("tracking.uri=%s: %s\n%s", public(self._uri), why, nothing_lost(left))

    def _left(self) -> list[Path]:
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
            self._stdin.write(f"{line}\n")
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


def _left(uri: str, outputs_dir: Path) -> list[Path]:
    """The folders that no process is at, and that a publisher could do something for."""
    return [folder for folder in unpublished(outputs_dir) if is_shown_at(folder, uri) and not is_held(folder)]
