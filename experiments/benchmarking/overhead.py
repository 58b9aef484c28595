"""What a run of a sweep takes besides training: its folder and log, what MLflow is told of it, its learning curve.

Tiny runs are carried out one by one as a serial sweep does it, in a new folder with a SQLite store. Every other one is
not shown in MLflow: the difference to the one beside it is what tracking takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, process_time
from unittest.mock import patch

from hydra import compose, initialize_config_dir

from experiments.config.composition import register, typed
from experiments.config.places import CONF
from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.lock import held
from experiments.pictures.learning_curve import draw_learning_curve
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from experiments.recorders.uploader import uploader
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row
from experiments.runs.identity import identity
from experiments.sweeps.grid import Cell
from experiments.sweeps.task import Task, carry_out

EPOCHS = 2
_SWEEP = "000000000000"
_TINY = [
    "data=synthetic",
    "data.train_size=24",
    "data.test_size=12",
    "data.classes=3",
    "data.height=6",
    "data.width=6",
    "data.batch_size=10",
    "model.channels=[2]",
    "model.hidden_size=8",
    f"trainer.epochs={EPOCHS}",
    "trainer.threads=1",
]


@dataclass(frozen=True)
class Overhead:
    """Seconds, one number for each run.

    Attributes:
        total: of the run, without its epochs.
        tracking: of these, in MLflow.
        pictures: of these, for the learning curve.
        processor: of these, computing; else it waited for the disk or for other programs.
    """

    total: list[float] = field(default_factory=list)
    tracking: list[float] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def parts(self) -> dict[str, list[float]]:
        """The total, what it consists of, and what of it the processor was needed for."""
        known = zip(self.total, self.tracking, self.pictures, strict=True)
        rest = [total - tracking - pictures for total, tracking, pictures in known]
        parts = {"total": self.total, "tracking": self.tracking, "pictures": self.pictures, "rest": rest}
        return {**parts, "processor": self.processor}


def measure_overhead(folder: Path, runs: int) -> Overhead:
    """Measure the overhead of so many runs. The first, which makes the store and imports what it needs, does not count.

    Args:
        folder: where they may write; on the disk that runs are to be written to.
        runs: how many.

    Raises:
        UserError: a run failed, or could not be tracked.
    """
    config = _tiny_config(folder)
    overhead = Overhead()
    with _shown_sweep(config, folder):
        for number in range(runs + 1):
            pair = {tracked: replace(config, seed=2 * number + tracked) for tracked in (False, True)}
            order = (True, False) if number % 2 else (False, True)
            seconds = {tracked: _besides_training(pair[tracked], tracked=tracked) for tracked in order}
            if number:
                total, processor = seconds[True]
                overhead.total.append(total)
                overhead.processor.append(processor)
                overhead.tracking.append(total - seconds[False][0])
                overhead.pictures.append(_drawing(_rows(pair[True]), folder))
    return overhead


@contextmanager
def _shown_sweep(config: Config, folder: Path) -> Iterator[None]:
    """A sweep that the runs of this context are part of."""
    path = folder / "sweeps" / _SWEEP
    with held(path / "lock", on_wait=lambda: None):
        sweep = TrackedRun(uploader(config.tracking.uri, folder), config.tracking.experiment, path, "sweep", None)
        sweep.begin({"sweep.id": _SWEEP}, {}, [], [])
        try:
            yield
        finally:
            sweep.end("FINISHED", {}, {}, [])
            sweep.close()


def _tiny_config(folder: Path) -> Config:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return typed(compose("config", [*_TINY, f"outputs_dir={folder}"]))


def _besides_training(config: Config, *, tracked: bool) -> tuple[float, float]:
    """Carry out a run, and return how long that took without its epochs, by the clock and on the processor."""
    cell = Cell(f"seed={config.seed}", {"seed": f"{config.seed}"}, config)
    begun, computed = perf_counter(), process_time()
    with nullcontext() if tracked else _untracked():
        report = carry_out(Task(cell, SweepPart(_SWEEP, "")))
    seconds, processor = perf_counter() - begun, process_time() - computed
    if report.failed or report.warnings:
        raise UserError(f"a run of the benchmark: {[*report.warnings, report.line][0]}")
    training = sum(row.metrics["time/epoch_s"] for row in _rows(config))
    return seconds - training, processor - training


@contextmanager
def _untracked() -> Iterator[None]:
    """Let no run be shown that begins in this context."""
    with patch.object(TrackedRun, "begin"):
        yield


def _rows(config: Config) -> list[Row]:
    return History(RunFolder(Path(config.outputs_dir), identity(config)).history).rows()


def _drawing(rows: list[Row], folder: Path) -> float:
    """How long it takes to draw a run's learning curve."""
    begun = perf_counter()
    draw_learning_curve(rows, "run", folder / "learning_curve.png")
    return perf_counter() - begun
