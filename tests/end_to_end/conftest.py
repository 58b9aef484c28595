"""Real commands in processes of their own, started in a folder that has nothing to do with the checkout."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from experiments.store.store import Store
from tests.runner.composed import CHECKOUT
from tests.runner.stores import make_store

TINY = [
    "data=synthetic",
    "data.train_size=24",
    "data.test_size=12",
    "data.classes=3",
    "data.height=6",
    "data.width=6",
    "data.batch_size=10",
    "model.channels=[2]",
    "model.hidden_size=8",
    "optimizer.lr=0.1",
]
PATIENCE = 300  # seconds: for a machine with much else to do, not for the commands


def begin(*words: str, cwd: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start `python -m experiments.WORDS`, with all that it starts in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *("experiments." + words[0], *words[1:])],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "NO_PROXY": "127.0.0.1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def finish(*words: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Carry out a command."""
    process = begin(*words, cwd=cwd, **variables)
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def read_until(stream: IO[str] | None, beginning: str) -> list[str]:
    """The lines of a stream up to the one that begins so."""
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if line.startswith(beginning):
            return lines
    raise AssertionError(f"no line begins with {beginning!r}: {lines}")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """The current folder of the commands; nothing may be written to it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


class Command(NamedTuple):
    """A command under way, and the folders that are its own."""

    process: "subprocess.Popen[str]"
    outputs: Path
    elsewhere: Path

    def finish(self) -> "subprocess.CompletedProcess[str]":
        """Wait for its end."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess([], self.process.returncode, out, err)


Begin = Callable[..., Command]


@pytest.fixture(scope="module")
def begin_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """Starts commands that the tests of a module share; none outlives the module."""
    begun: list[Command] = []

    def start(*words: str) -> Command:
        folder = tmp_path_factory.mktemp("command")
        outputs, elsewhere = folder / "outputs", folder / "elsewhere"
        elsewhere.mkdir()
        Store(make_store(outputs, tmp_path_factory)).experiment_id("cnn", (outputs / "artifacts").as_uri())
        where = ["--outputs-dir", str(outputs)] if words[0] == "ui" else [f"outputs_dir={outputs}"]
        begun.append(Command(begin(*words, *where, cwd=elsewhere), outputs, elsewhere))
        return begun[-1]

    yield start
    for command in begun:
        process = command.process
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=PATIENCE)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
