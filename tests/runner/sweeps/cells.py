"""Sweeps over one key, written by hand, without Hydra."""

from pathlib import Path
from typing import Any

from experiments.config.schema import Config
from experiments.files import write_json
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row
from experiments.sweeps.cell import Cell
from tests.runner.configs import changed, small_config
from tests.runner.markers import marker


def grid(config: Config, **values: list[Any]) -> list[Cell]:
    """One key varies; __ stands for the dot."""
    ((key, several),) = values.items()
    key = key.replace("__", ".")
    short = key.rpartition(".")[2]
    return [Cell(f"{short}={value}", {key: str(value)}, changed(config, {key: value})) for value in several]


def rates(outputs: Path, *values: float, **changes: Any) -> list[Cell]:
    """The learning rate varies."""
    return grid(small_config(outputs, **changes), optimizer__lr=list(values))


def rates_and_seeds(outputs: Path, values: tuple[float, ...], seeds: tuple[int, ...], **changes: Any) -> list[Cell]:
    """Learning rate and seed vary."""
    return [
        Cell(
            f"lr={lr} seed={seed}",
            {"optimizer.lr": str(lr), "seed": str(seed)},
            small_config(outputs, optimizer__lr=lr, seed=seed, **changes),
        )
        for lr in values
        for seed in seeds
    ]


def record(cell: Cell, *accuracies: float, part: str = "test", seconds: float = 1.0) -> None:
    """Write the history of a run that had these accuracies, and something in the place of its checkpoint."""
    folder = RunFolder(Path(cell.config.outputs_dir), cell.identity)
    folder.path.mkdir(parents=True, exist_ok=True)
    for epoch, accuracy in enumerate(accuracies, start=1):
        metrics = {"test/accuracy": 0.5, f"{part}/accuracy": accuracy, "time/epoch_s": seconds}
        History(folder.history).append(Row(epoch, metrics, 0, ""))
    folder.checkpoint.touch()


def finish(cell: Cell, outcome: str = "completed", **final: float) -> None:
    """Write the marker of a run."""
    folder = RunFolder(Path(cell.config.outputs_dir), cell.identity)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.finished, marker(outcome, **final))
