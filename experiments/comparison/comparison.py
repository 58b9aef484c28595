"""A sweep's runs, compared: what they came to, seed by seed and setting by setting, and which setting is the best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.comparison.compared_run import ComparedRun, read_run
from experiments.comparison.selection import Selection, selection
from experiments.comparison.setting import Setting
from experiments.pictures.scale import Value
from experiments.runs.folder import RunFolder
from experiments.sweeps.folder import SweepFolder

SEED = "seed"


@dataclass(frozen=True)
class Comparison:
    """What a sweep came to.

    Args:
        folder: of the sweep.
        levels: the values of each key that varies, numbers in rising order, words in the order of the sweep.
        runs: the best first; behind the completed ones those that came to nothing, whatever accuracy they had.
        settings: the runs by what they share besides the seed, the best first.
        selection: by what the best is chosen.
    """

    folder: SweepFolder
    levels: dict[str, list[Value]]
    runs: Sequence[ComparedRun]
    settings: Sequence[Setting]
    selection: Selection

    @property
    def best(self) -> Setting | None:
        """The setting to take; None while no run is completed."""
        return self.settings[0] if self.settings[0].completed else None

    @property
    def keys(self) -> list[str]:
        """The keys whose values make a setting: those that vary, without the seed."""
        return [key for key in self.levels if key != SEED]

    @property
    def averaged(self) -> bool:
        """Whether settings have several seeds."""
        return SEED in self.levels

    def is_best(self, run: ComparedRun) -> bool:
        """Whether a run is a completed one of the best setting, and there were others to choose from."""
        return len(self.settings) > 1 and run.completed and run in self.settings[0].runs

    def records(self) -> list[dict[str, Any]]:
        """The runs as rows of a table, all with the same columns."""
        rows = [run.record() for run in self.runs]
        columns = dict.fromkeys(key for row in rows for key in row) | {self.selection.metric: None}
        return [{column: row.get(column) for column in columns} for row in rows]


def compare(folder: SweepFolder) -> Comparison:
    """Read the folders of a sweep's runs and compare them.

    Raises:
        UserError: the sweep's plan is missing or damaged.
    """
    given_up = folder.given_up()
    planned = [read_run(run, RunFolder(folder.outputs_dir, run["identity"]), given_up) for run in folder.runs()]
    chosen_by = selection(planned)
    runs = sorted(planned, key=lambda run: _place(run, chosen_by.metric))  # equals stay in the order of the sweep
    settings = sorted(_settings(planned, runs), key=lambda setting: _setting_place(setting, chosen_by.metric))
    levels = {key: _ordered([run.values[key] for run in planned]) for key in folder.varying()}
    return Comparison(folder, levels, runs, settings, chosen_by)


def _settings(planned: Sequence[ComparedRun], ranked: Sequence[ComparedRun]) -> list[Setting]:
    """The runs by what they share besides the seed, in the order of the sweep."""
    groups: dict[tuple[tuple[str, Value], ...], list[ComparedRun]] = {_shared(run): [] for run in planned}
    for run in ranked:
        groups[_shared(run)].append(run)
    return [Setting(dict(shared), runs) for shared, runs in groups.items()]


def _shared(run: ComparedRun) -> tuple[tuple[str, Value], ...]:
    return tuple((key, value) for key, value in run.values.items() if key != SEED)


def _place(run: ComparedRun, metric: str) -> tuple[bool, int, float]:
    """What a run is sorted by: completed ones by accuracy, the others by how far they came."""
    accuracy = run.metrics.get(metric, math.nan)
    return not run.completed, 0 if run.completed else -run.epochs, math.inf if math.isnan(accuracy) else -accuracy


def _setting_place(setting: Setting, metric: str) -> tuple[bool, bool, float, tuple[bool, int, float]]:
    """What a setting is sorted by: its mean accuracy.

    One with seeds that diverged or were given up stands behind all without: the mean of its lucky seeds says nothing.
    """
    mean = setting.mean(metric)
    return mean is None, setting.lost > 0, 0.0 if mean is None else -mean, _place(setting.runs[0], metric)


def _ordered(values: Sequence[Value]) -> list[Value]:
    """Each value once: numbers in rising order, words in the order of the sweep."""
    different = list(dict.fromkeys(values))
    if any(isinstance(value, str) for value in different):
        return different
    return sorted(different, key=float)
