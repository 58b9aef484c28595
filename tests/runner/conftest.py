"""Fixtures of the runner's tests."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments import hydra_main, train
from experiments.tracking import process
from tests.runner.stores import InThisProcess, Nothing, client, outputs, ready, store_uri

__all__ = ["client", "outputs", "ready", "store_uri"]

# Hydra looks for plugins once in a process, whichever test asks it first.
sys.path.append(str(hydra_main.PLUGINS))


class Answer(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands start no publisher, which takes seconds: MLflow shows nothing."""
    monkeypatch.setattr(process, "PublisherProcess", Nothing)


@pytest.fixture
def publishing_here(unpublished: None, store_uri: str, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001
    """Commands publish in this process, once, at their end; the store is the one in the outputs folder."""
    monkeypatch.setattr(process, "PublisherProcess", InThisProcess)
    return store_uri


@pytest.fixture
def train_command(
    unpublished: None,  # noqa: ARG001  # but where a test publishes
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """`python -m experiments.train WORDS`, in this process; what Hydra sets up for the process is undone."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging.getLogger("experiments").level
    kept_signal = signal.getsignal(signal.SIGTERM)

    def command(*words: str) -> Answer:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        monkeypatch.setattr(sys, "argv", ["train", *words])
        capsys.readouterr()
        try:
            code = train.main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    yield command
    root.handlers[:], root.level = kept[0], kept[1]
    logging.getLogger("experiments").setLevel(kept[2])
    signal.signal(signal.SIGTERM, kept_signal)


@pytest.fixture
def words(outputs: Path) -> list[str]:
    """Words that make a run small: synthetic images, two epochs, everything below `outputs`."""
    data = ["data=synthetic", "data.train_size=24", "data.test_size=12", "data.classes=3", "data.batch_size=10"]
    size = ["data.height=6", "data.width=6", "model.channels=[2]", "model.hidden_size=8"]
    return [*data, *size, "trainer.epochs=2", "optimizer.lr=0.1", f"outputs_dir={outputs}"]
