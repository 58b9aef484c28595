"""Which pictures show a sweep, and what goes into each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from experiments.comparison.compared_run import ComparedRun
from experiments.comparison.comparison import SEED, Comparison
from experiments.comparison.setting import Setting
from experiments.comparison.wording import percentage
from experiments.pictures.accuracy import AccuracyPoint, draw_accuracy
from experiments.pictures.heat_map import draw_heat_map
from experiments.pictures.learning_curves import Curve, draw_learning_curves
from experiments.pictures.parallel_coordinates import Line, draw_parallel_coordinates
from experiments.pictures.scale import Value
from experiments.sweeps.names import short_names

_CLOUD = 40  # points from which on a line between them shows nothing
_MOST = 25  # rows or columns of a heat map
_NAN = float("nan")


def draw_pictures(comparison: Comparison) -> dict[str, Path]:
    """Draw what shows this sweep; return the pictures by what they show.

    Where one setting varies, or one takes more values than a heat map has room for, the accuracy over it; where more
    vary, a heat map and parallel coordinates. Without a completed run there is none of these. Of any runs that have an
    epoch there are the learning curves.
    """
    return dict(_drawn(comparison))


def _drawn(comparison: Comparison) -> Iterator[tuple[str, Path]]:
    folder = comparison.folder
    of = f"sweep {folder.sweep_id}"
    several = len(comparison.keys) > 1
    if comparison.best is not None and comparison.levels:
        crowded = [key for key in comparison.keys if len(comparison.levels[key]) > _MOST]
        if several and not crowded:
            yield _heat_map(comparison, of)
        else:
            yield _accuracy_over((crowded or comparison.keys or [SEED])[0], comparison, of)
    if any(run.epochs for run in comparison.runs):
        metric = comparison.selection.metric
        curves = [_curve(comparison, run) for run in comparison.runs]
        draw_learning_curves(curves, ("train/loss", metric), f"Learning curves, {of}", folder.learning_curves)
        yield "Learning curves", folder.learning_curves
    if several and comparison.best is not None:
        names = short_names(comparison.keys)
        lines = [
            Line({names[key]: run.values[key] for key in names}, _accuracy(comparison, run), comparison.is_best(run))
            for run in comparison.runs
        ]
        levels = {names[key]: comparison.levels[key] for key in names}
        draw_parallel_coordinates(
            lines, levels, comparison.selection.metric, f"Every run a line, {of}", folder.parallel_coordinates
        )
        yield "Parallel coordinates", folder.parallel_coordinates


def _heat_map(comparison: Comparison, of: str) -> tuple[str, Path]:
    """The accuracy over learning rate and batch size, or whichever two settings come first; the best over the rest."""
    index, columns = _two(comparison.keys)
    rest = [key for key in comparison.keys if key not in (index, columns)]
    cells: dict[tuple[Value, Value], Setting] = {}
    for setting in comparison.settings:  # the best first
        cells.setdefault((setting.values[index], setting.values[columns]), setting)
    rows, across = comparison.levels[index], comparison.levels[columns]
    metric = comparison.selection.metric
    values = [[_mean(cells.get((i, j)), metric) for j in across] for i in rows]
    grid = pd.DataFrame(values, index=pd.Index(rows, name=index), columns=pd.Index(across, name=columns), dtype=float)
    texts = [[_text(cells.get((i, j)), metric) for j in across] for i in rows]
    place = None
    if comparison.best is not None:
        own = comparison.best.values
        place = rows.index(own[index]), across.index(own[columns])
    what = f"{_capital(comparison.selection.name)}{_over_seeds(comparison)}{_best_over(rest)}"
    draw_heat_map(grid, texts, place, f"{what}, {of}", comparison.folder.heat_map)
    return what, comparison.folder.heat_map


def _two(keys: Sequence[str]) -> tuple[str, str]:
    """The settings down and across: learning rate and batch size if they vary, else those that come first."""
    known = {"lr": 0, "batch_size": 1}
    first, second, *_ = sorted(keys, key=lambda key: known.get(key.rpartition(".")[2], 2))
    return first, second


def _mean(setting: Setting | None, metric: str) -> float:
    mean = None if setting is None else setting.mean(metric)
    return _NAN if mean is None else mean


def _text(setting: Setting | None, metric: str) -> str:
    """What stands in a cell: the accuracy, or why there is none; nothing where the sweep has no such run."""
    if setting is None:
        return ""
    mean, deviation = setting.mean(metric), setting.deviation(metric)
    if mean is None:
        return setting.runs[0].outcome
    return percentage(mean, deviation).replace(" ±", "\n±")


def _accuracy_over(key: str, comparison: Comparison, of: str) -> tuple[str, Path]:
    """The accuracy over one setting, the best over the rest."""
    settings = comparison.settings if key != SEED else [Setting(run.values, [run]) for run in comparison.runs]
    points = [_point(value, [own for own in settings if own.values[key] == value], comparison)
              for value in comparison.levels[key]]  # fmt: skip
    rest = [other for other in comparison.keys if other != key]
    what = f"{_capital(comparison.selection.name)}{_over_seeds(comparison)}{_best_over(rest)}"
    ordered = key != SEED and not any(isinstance(point.value, str) for point in points)
    connected = ordered and len(points) <= _CLOUD
    draw_accuracy(points, key, f"{what}, {of}", comparison.folder.accuracy, connected=connected)
    return what, comparison.folder.accuracy


def _point(value: Value, settings: Sequence[Setting], comparison: Comparison) -> AccuracyPoint:
    """One value: its best setting, and all runs that have the value."""
    metric, best = comparison.selection.metric, settings[0]
    each = [accuracy for setting in settings for accuracy in setting.measured(metric)]
    return AccuracyPoint(value, best.mean(metric), best.deviation(metric), each, best is comparison.best)


def _curve(comparison: Comparison, run: ComparedRun) -> Curve:
    losses = [row.metrics.get("train/loss", _NAN) for row in run.history]
    accuracies = [row.metrics.get(comparison.selection.metric, _NAN) for row in run.history]
    return Curve(run.name, losses, accuracies, _accuracy(comparison, run), comparison.is_best(run))


def _accuracy(comparison: Comparison, run: ComparedRun) -> float | None:
    """What a run came to; None where it came to nothing."""
    return run.metrics.get(comparison.selection.metric) if run.completed else None


def _over_seeds(comparison: Comparison) -> str:
    return " (mean over seeds)" if comparison.averaged and comparison.keys else ""


def _best_over(keys: Sequence[str]) -> str:
    return f", the best over {', '.join(keys)}" if keys else ""


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
