"""Commands in processes of their own, each with all that it starts in a session of its own.

A forked one finds everything imported, which otherwise takes seconds; a fresh one is what a user starts. Publishers are
always fresh.
"""

import atexit
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.end_to_end.conftest import PATIENCE
from tests.end_to_end.starters import preloaded
from tests.end_to_end.sweeps import family
from tests.faults.write_points import die_at
from tests.runner.composed import CHECKOUT

SOON = 60.0  # seconds in which what a killed process had started must be gone; its publisher closes its runs first
_MARK = "STARTED_BY"
VARIABLES = {"PYTHONPATH": str(CHECKOUT), "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


@dataclass
class Started:
    """A command under way."""

    process: "subprocess.Popen[bytes] | BaseProcess"
    said_in: Path  # also the mark of all that it starts, in their environment
    begun: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """The number of the process, and of its session."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it is under way."""
        return self.process.exitcode if isinstance(self.process, BaseProcess) else self.process.poll()

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return its exit code."""
        if isinstance(self.process, BaseProcess):
            self.process.join(patience)
        else:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        if self.code is None:
            raise TimeoutError(f"it is still there after {patience} s: {self.err}")
        return self.code

    def kill(self) -> None:
        """SIGKILL, if it is still there."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def end_all(self) -> list[int]:
        """Kill what is left of its session after a while, and return what that was."""
        until = time.monotonic() + SOON
        while self._started() and time.monotonic() < until:
            time.sleep(0.02)
        left = self._started()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left

    def publishers(self) -> list[int]:
        """Its publishers that are there."""
        return [pid for pid in self._started() if b"experiments.tracking" in _of_process(pid, "cmdline").split(b"\0")]

    def _started(self) -> list[int]:
        """All that it has started, itself included; publishers have sessions of their own."""
        mark = f"{_MARK}={self.said_in}".encode()
        everybody = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        marked = {pid for pid in everybody if mark in _of_process(pid, "environ").split(b"\0")}
        return sorted(marked | set(family(self.pid)))

    @property
    def out(self) -> str:
        """What it printed."""
        return self.said_in.with_suffix(".out").read_text(errors="replace")

    @property
    def err(self) -> str:
        """What it said besides."""
        return self.said_in.with_suffix(".err").read_text(errors="replace")


def begin(words: Sequence[str], folder: Path, *, variables: dict[str, str] | None = None) -> Started:
    """Start `python -m experiments.WORDS`; what it says goes to files in this folder."""
    said = _new_name(folder)
    with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
        command = [sys.executable, "-m", f"experiments.{words[0]}", *words[1:]]
        environment = {**os.environ, **VARIABLES, _MARK: str(said), **(variables or {})}
        process = subprocess.Popen(
            command, cwd=_nowhere(folder), env=environment, stdout=out, stderr=err, start_new_session=True
        )
    return Started(process, said)


def fork(
    words: Sequence[str],
    folder: Path,
    *,
    memory: int | None = None,
    die_at_write: int | None = None,
    points: Path | None = None,
) -> Started:
    """The same without the seconds of imports.

    Args:
        words: of the command.
        folder: for what it says.
        memory: bytes it may take besides what it has at its start.
        die_at_write: before which of its writes it kills itself, counted from 1.
        points: a file for the names of its writes.
    """
    said = _new_name(folder)
    extras = (memory, die_at_write, points)
    process = preloaded().Process(target=_carry_out, args=(list(words), said, _nowhere(folder), extras))
    process.start()
    return Started(process, said)


def until(condition: Callable[[], object], command: Started, patience: float = PATIENCE) -> bool:
    """Wait until something holds; False if the command ends before."""
    last = time.monotonic() + patience
    while not condition():
        if command.code is not None:
            return bool(condition())
        assert time.monotonic() < last, command.err
        time.sleep(0.002)
    return True


def _carry_out(words: list[str], said: Path, where: Path, extras: tuple[int | None, int | None, Path | None]) -> None:
    """What a forked process does."""
    os.setsid()
    for stream, suffix in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(said.with_suffix(suffix), os.O_WRONLY | os.O_APPEND | os.O_CREAT), stream)
    os.chdir(where)
    os.environ |= {**VARIABLES, _MARK: str(said)}
    memory, die_at_write, points = extras
    if memory is not None:
        limit = _address_space() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if die_at_write is not None or points is not None:
        die_at(die_at_write, points)
    sys.argv = [words[0], *words[1:]]
    try:
        sys.exit(import_module(f"experiments.{words[0]}").main())
    finally:
        atexit._run_exitfuncs()  # which a forked process does not do by itself


def _of_process(pid: int, name: str) -> bytes:
    """What /proc says of a process; nothing of one that has ended, or is only not waited for."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _new_name(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"said{len(list(folder.glob('said*.err'))):03}"
    for suffix in (".out", ".err"):
        name.with_suffix(suffix).touch()
    return name


def _nowhere(folder: Path) -> Path:
    """A current folder that has nothing to do with anything."""
    nowhere = folder / "nowhere"
    nowhere.mkdir(parents=True, exist_ok=True)
    return nowhere
