"""Successive halving: all runs train for a few epochs, the better part goes on, and so forth.

Source: Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016, with the
epochs of the rungs set by the shortest; runs are taken up from their checkpoints, so nothing is trained twice.
"""

from collections.abc import Sequence
from math import ceil, inf
from pathlib import Path
from statistics import fmean

from experiments.config.schema import SweepConfig
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, deciding
from experiments.sweeps.cell import Cell

_SEED = "seed"


def rungs(epochs: int, sweep: SweepConfig) -> list[int]:
    """The epochs after which runs are compared; the last is the end.

    >>> from experiments.config.schema import SweepConfig
    >>> rungs(10, SweepConfig([], [], None, halving=True, min_epochs=1, reduction_factor=3))
    [1, 3, 9, 10]
    >>> rungs(10, SweepConfig([], [], None, halving=False, min_epochs=1, reduction_factor=3))
    [10]
    """
    compared: list[int] = []
    rung = sweep.min_epochs
    while sweep.halving and rung < epochs:
        compared.append(rung)
        rung *= sweep.reduction_factor
    return [*compared, epochs]


def settings_per_rung(settings: int, rungs: int, factor: int) -> list[int]:
    """How many settings there are at each rung, if none fails.

    >>> settings_per_rung(16, 4, 3)
    [16, 6, 2, 1]
    """
    counts = [settings]
    for _ in range(rungs - 1):
        counts.append(ceil(counts[-1] / factor))
    return counts


def better_part(cells: Sequence[Cell], epoch: int, factor: int) -> list[Cell]:
    """The runs that go on after an epoch: one setting in so many, rounded up, those of the highest accuracy then.

    Accuracy is the validation images' where there are any, and the mean over the seeds of a setting, which go on
    together. Of equals the first goes on. A setting with a run that has no such epoch, because it failed or diverged,
    does not go on.
    """
    settings = by_setting(cells)
    scores = {setting: fmean(_accuracy(cell, epoch) for cell in runs) for setting, runs in settings.items()}
    ranked = sorted(settings, key=lambda setting: -scores[setting])  # stable: of equals the first stays first
    chosen = [setting for setting in ranked[: ceil(len(ranked) / factor)] if scores[setting] > -inf]
    return [cell for setting in settings if setting in chosen for cell in settings[setting]]


def by_setting(cells: Sequence[Cell]) -> dict[frozenset[tuple[str, str]], list[Cell]]:
    """The runs by what varies besides the seed."""
    settings: dict[frozenset[tuple[str, str]], list[Cell]] = {}
    for cell in cells:
        setting = frozenset(item for item in cell.overrides.items() if item[0] != _SEED)
        settings.setdefault(setting, []).append(cell)
    return settings


def _accuracy(cell: Cell, epoch: int) -> float:
    rows = History(RunFolder(Path(cell.config.outputs_dir), cell.identity).history).rows()
    if len(rows) < epoch:
        return -inf
    metrics = rows[epoch - 1].metrics
    return metrics[deciding(metrics)]
