"""Real commands in processes of their own, started in a folder that has nothing to do with the checkout."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from experiments.recorders.tracker import Tracker
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
RATES, SIZES = ("0.1", "0.2"), ("8", "12")  # of the sweep
FIXED = [word for word in TINY if not word.startswith(("optimizer.lr", "data.batch_size"))]


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
    out, err = process.communicate(timeout=120)
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
        out, err = self.process.communicate(timeout=120)
        return subprocess.CompletedProcess([], self.process.returncode, out, err)


@pytest.fixture(scope="session", autouse=True)
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Command]]:
    """One run, one sweep and one UI, begun at once: they work beside the first tests, which takes half the time."""
    folder = tmp_path_factory.mktemp("commands")
    begun: dict[str, Command] = {}

    def start(name: str, *words: str) -> None:
        outputs, elsewhere = folder / name / "outputs", folder / name / "elsewhere"
        elsewhere.mkdir(parents=True)
        Tracker(make_store(outputs, tmp_path_factory), "cnn", outputs / "artifacts").open()
        where = ["--outputs-dir", str(outputs)] if name == "ui" else [f"outputs_dir={outputs}"]
        begun[name] = Command(begin(*words, *where, cwd=elsewhere), outputs, elsewhere)

    start("run", "train", *TINY, "trainer.epochs=2")
    varying = [f"optimizer.lr={','.join(RATES)}", f"data.batch_size={','.join(SIZES)}"]
    start("sweep", "train", "-m", *FIXED, *varying, "trainer.epochs=2", "launcher=joblib")
    start("ui", "ui", "--port", str(free_port()))
    yield begun
    for command in begun.values():
        if command.process.poll() is None:
            os.killpg(command.process.pid, signal.SIGKILL)
            command.process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
