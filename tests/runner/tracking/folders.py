"""Folders of runs and sweeps as processes leave them that train nothing."""

from functools import cache
from pathlib import Path

from filelock import FileLock

from experiments.files import write_json
from experiments.runs.epochs import Epochs
from experiments.runs.folder import RunFolder
from experiments.runs.history import Row
from experiments.runs.status import write_status
from experiments.sweeps.folder import SweepFolder
from experiments.tracking import outbox
from experiments.tracking.targets import add_target, new_target, replace_targets
from tests.runner.composed import composed_config
from tests.runner.markers import marker

IDENTITY = "0123456789ab"


def row(epoch: int, version: int = 0) -> Row:
    """What an epoch came to; another version of it is one that came out differently."""
    return Row(epoch, {"train/loss": version + 1 / epoch, "test/accuracy": 0.5}, 1000 + epoch, f"{version:064x}")


class Process:
    """A process at a run or a sweep: it holds the folder's lock until it ends."""

    def __init__(self, outputs: Path, name: str, uri: str, kind: str = "runs", sweep: str = "") -> None:
        self.path = outputs / kind / name
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / "lock", blocking=False)
        self._lock.acquire()
        self.target = new_target(uri, "cnn", f"name of {name}", sweep, "seed=0" if sweep else "")

    def show(self) -> None:
        """Have the folder shown."""
        outbox.put(self.path)
        add_target(self.path, self.target)

    def begin(self) -> None:
        """Say that it is at it, and have that shown."""
        self.show()
        write_status(self.path, "running")

    def end(self, outcome: str) -> None:
        """End and say so, with an outcome that is no result."""
        write_status(self.path, outcome)
        self.kill()

    def kill(self) -> None:
        """End without a word."""
        self._lock.release()


class RunProcess(Process):
    """At a run: it goes on after an epoch that the history has."""

    def begin(self, after: int = 0) -> None:
        super().begin()
        self.folder = RunFolder.at(self.path)
        self.folder.config.write_text("seed: 0\noptimizer: {lr: 0.1}\n")
        self._epochs = Epochs(_config(), self.folder)
        self._epochs.take_up(100)
        self._epochs.begin_after(after)

    def force(self) -> None:
        """Begin it again, as another MLflow run."""
        outbox.put(self.path)
        RunFolder.at(self.path).clear()
        replace_targets(self.path, [self.target])
        self.begin()

    def epoch(self, version: int | None = None) -> None:
        """Train an epoch, again as it was if the history has it and no other version is given."""
        number = len(self._epochs.rows)
        written = self._epochs.written[number : number + 1]
        self._epochs.add(written[0] if written and version is None else row(number + 1, version or 0))

    @property
    def epochs(self) -> int:
        """How many it has behind it."""
        return len(self._epochs.rows)

    def finish(self) -> None:
        """Come to the end."""
        self._epochs.end("completed")
        self.folder.finish(marker())
        self.kill()


class SweepProcess(Process):
    """At a sweep of these runs."""

    epochs = 1  # it may finish at any time

    def begin(self, *runs: str) -> None:
        plan = [{"identity": run, "name": run, "overrides": {"seed": "0"}} for run in runs]
        write_json(SweepFolder(self.path.parent.parent, self.path.name).plan, {"runs": plan})
        super().begin()

    def finish(self) -> None:
        self.end("completed")


def run(outputs: Path, uri: str, epochs: int = 1, name: str = IDENTITY, sweep: str = "") -> RunProcess:
    """A process at a run, after so many epochs."""
    process = RunProcess(outputs, name, uri, sweep=sweep)
    process.begin()
    for _ in range(epochs):
        process.epoch()
    return process


_config = cache(lambda: composed_config("data=synthetic"))
