"""A run's folder with a history, as a run leaves it whose store is a double."""

import time
from pathlib import Path
from typing import Any

from experiments.recorders.tracked_run import SweepPart, TrackedRun
from experiments.recorders.uploader import uploader
from filelock import FileLock

from experiments.runs.history import History, Row

IDENTITY, SWEEP = "0123456789ab", "ba9876543210"
URI = "sqlite:////dev/null/mlflow.db"
ROWS = [Row(epoch, {"train/loss": 1 / epoch}, 1000 + epoch, "") for epoch in (1, 2, 3)]


def run_folder(outputs: Path, identity: str = IDENTITY, kind: str = "runs") -> Path:
    folder = outputs / kind / identity
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Run(TrackedRun):
    """A tracked run whose folder is held from its beginning to its end, as a process does it."""

    def begin(self, *words: Any, **named: Any) -> None:
        self._held = FileLock(self._folder / "lock", blocking=False)
        self._held.acquire()
        super().begin(*words, **named)

    def wait_until_shown(self) -> None:
        """Wait until the store shows what there is by now."""
        self._uploader._wait(lambda: self._view is not None and self._view.is_current, 60)

    def wait_for_failure(self) -> None:
        """Wait until the store has failed once."""
        while not self._uploader._failures:
            time.sleep(0.001)

    def close(self) -> None:
        super().close()
        if self.is_begun:
            self._held.release()

    def kill(self) -> None:
        """End without a word: nobody closes it, nobody holds the lock."""
        if self._view is not None:
            self._view.detach()
            self._uploader._views.clear()
        self._held.release()


def tracked(folder: Path, part: SweepPart | None = None, uri: str = URI, experiment: str = "cnn") -> Run:
    return Run(uploader(uri, folder.parent.parent), experiment, folder, "name", part)


def begun(folder: Path, epochs: int = 1, part: SweepPart | None = None) -> Run:
    """A run after so many epochs."""
    run = tracked(folder, part)
    run.begin({"identity": folder.name}, {"seed": 0}, [], [folder / "config.yaml"])
    for row in ROWS[:epochs]:
        History(folder / "history.jsonl").append(row)
        run.row(row)
    return run


def ended(folder: Path, part: SweepPart | None = None) -> Run:
    """A run of two epochs that has come to its end."""
    run = begun(folder, 2, part)
    run.end("FINISHED", {"outcome": "completed"}, {"best/epoch": 2.0}, [folder / "history.jsonl"])
    run.close()
    return run


def killed(folder: Path, epochs: int = 1, part: SweepPart | None = None) -> Run:
    """A run whose process is killed after so many epochs have been shown."""
    run = begun(folder, epochs, part)
    run.wait_until_shown()
    run.kill()
    return run
