"""Fixtures of the runner's tests."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from experiments import train
from experiments.comparison import files
from experiments.recorders.uploader import Uploader
from experiments.runs import attempt
from tests.runner.doubles import Store, store_in_memory
from tests.runner.stores import outputs, store_uri

__all__ = ["outputs", "store_uri"]

# Hydra looks for plugins once in a process, whichever test asks it first.
sys.path.append(str(train.PLUGINS))


class Answer(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in memory, which every run and sweep of the test is shown in."""
    made: list[Uploader] = []
    begin = Uploader.__init__

    def noted(self: Uploader, *words: Any) -> None:
        begin(self, *words)
        made.append(self)

    monkeypatch.setattr(Uploader, "__init__", noted)
    yield store_in_memory(monkeypatch)
    for one in made:
        thread = one._thread
        one.stop()
        if thread is not None:  # it would go on in a test that has another store, or none
            thread.join(10)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn: pictures take longer than the runs of these tests."""
    for name in ("draw_learning_curve", "draw_augmentation"):
        monkeypatch.setattr(attempt, name, lambda *_: None)
    monkeypatch.setattr(files, "draw_pictures", lambda _: {})


@pytest.fixture
def train_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
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
