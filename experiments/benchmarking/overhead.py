"""What a run of a sweep takes besides training: its folder, its history and its log.

Tiny runs are carried out one by one as a serial sweep does it, in a new folder, while the publisher shows them in a
SQLite store.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, process_time

from hydra import compose, initialize_config_dir

from experiments.config.composition import register, typed
from experiments.config.places import CONF
from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.runs.execute import SweepPart
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.runs.identity import identity
from experiments.sweeps.cell import Cell
from experiments.sweeps.task import Task, carry_out
from experiments.tracking.process import publishing

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
        processor: of these, computing; else it waited for the disk or for other programs.
    """

    total: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def parts(self) -> dict[str, list[float]]:
        """The total, and what of it the processor was needed for."""
        return {"total": self.total, "processor": self.processor}


def measure_overhead(folder: Path, runs: int) -> Overhead:
    """Measure the overhead of so many runs. The first, which imports what it needs, does not count.

    Args:
        folder: where they may write; on the disk that runs are to be written to.
        runs: how many.

    Raises:
        UserError: a run failed.
    """
    config = _tiny_config(folder)
    overhead = Overhead()
    with publishing(config.tracking.uri, folder):
        for number in range(runs + 1):
            total, processor = _besides_training(replace(config, seed=number))
            if number:
                overhead.total.append(total)
                overhead.processor.append(processor)
    return overhead


def _tiny_config(folder: Path) -> Config:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return typed(compose("config", [*_TINY, f"outputs_dir={folder}"]))


def _besides_training(config: Config) -> tuple[float, float]:
    """Carry out a run, and return how long that took without its epochs, by the clock and on the processor."""
    cell = Cell(f"seed={config.seed}", {"seed": f"{config.seed}"}, config)
    begun, computed = perf_counter(), process_time()
    report = carry_out(Task(cell, SweepPart(_SWEEP, "")))
    seconds, processor = perf_counter() - begun, process_time() - computed
    if report.failed or report.warnings:
        raise UserError(f"a run of the benchmark: {[*report.warnings, report.line][0]}")
    rows = History(RunFolder(Path(config.outputs_dir), identity(config)).history).rows()
    training = sum(row.metrics["time/epoch_s"] for row in rows)
    return seconds - training, processor - training
