"""The table's content, whatever shows it: a line a setting, only what varies, and the metrics."""

import math
from dataclasses import dataclass

from experiments.comparison.compared_run import ComparedRun
from experiments.comparison.comparison import Comparison
from experiments.comparison.mixed_environments import MARK, mixed_environments
from experiments.comparison.selection import TEST, VALIDATION
from experiments.comparison.setting import Setting, deviation, mean
from experiments.comparison.wording import percentage, written
from experiments.pictures.scale import Value
from experiments.sweeps.names import short_names

_METRICS = {
    VALIDATION: "val",
    TEST: "test",
    "best/test_accuracy": "best",
    "best/epoch": "epoch",
    "train/accuracy": "train",
    "train/loss": "loss",
}


@dataclass(frozen=True)
class TableCell:
    """A text, and what it is sorted by."""

    text: str
    value: Value


@dataclass(frozen=True)
class TableLine:
    """One setting, or one run where nothing is averaged."""

    cells: list[TableCell]
    best: bool
    completed: bool


@dataclass(frozen=True)
class TableContent:
    """The columns' titles, and the lines, the best first."""

    titles: list[str]
    lines: list[TableLine]


def table_content(comparison: Comparison) -> TableContent:
    """Make the table: a line a setting; where only the seed varies, a line a run, since one line would be no table."""
    settings, keys = comparison.settings, comparison.keys
    if not keys:
        settings = [Setting(run.values, [run]) for run in comparison.runs]
        keys = list(comparison.levels)
    averaged = comparison.averaged and keys == comparison.keys
    metrics = [key for key in _METRICS if any(key in run.metrics for run in comparison.runs)]
    names = short_names(keys)
    columns = [names[key] for key in keys] + ["seeds"] * averaged + [_METRICS[key] for key in metrics] + ["seconds"]
    shows_epochs = len({run.epochs for run in comparison.runs}) > 1 and not averaged
    shows_outcome = not all(run.completed for run in comparison.runs)
    titles = [*columns, *["epochs"] * shows_epochs, *["outcome"] * shows_outcome, *["run"] * (not averaged)]
    lines, marked = [], mixed_environments(comparison.runs).marked
    for setting in settings:
        cells = [TableCell(written(setting.values[key]), setting.values[key]) for key in keys]
        if averaged:
            done, planned = len(setting.completed), len(setting.runs)
            cells.append(TableCell(str(planned) if done == planned else f"{done} of {planned}", done))
        cells += [_metric(setting, metric) for metric in metrics]
        cells.append(_number([run.seconds for run in _shown_runs(setting) if run.epochs], "{:.1f}"))
        if shows_epochs:
            cells.append(TableCell(str(setting.runs[0].epochs), setting.runs[0].epochs))
        if shows_outcome:
            cells.append(TableCell(*[_outcomes(setting)] * 2))
        if not averaged:
            cells.append(TableCell(*[setting.runs[0].identity] * 2))
        if any(run.identity in marked for run in setting.runs):
            cells[0] = TableCell(f"{cells[0].text} {MARK}", cells[0].value)
        best = len(comparison.settings) > 1 and setting is comparison.best
        lines.append(TableLine(cells, best, bool(setting.completed)))
    return TableContent(titles, lines)


def _shown_runs(setting: Setting) -> list[ComparedRun]:
    """What a line shows the metrics of: the completed runs; a single run's in any case, its outcome is beside them."""
    return list(setting.runs) if len(setting.runs) == 1 else setting.completed


def _metric(setting: Setting, metric: str) -> TableCell:
    values = [run.metrics[metric] for run in _shown_runs(setting) if metric in run.metrics]
    if metric.endswith("accuracy"):
        middle = mean(values)
        return TableCell(percentage(middle, deviation(values)), _sortable(middle))
    if metric == "best/epoch":
        return _number(values, "{:.0f}" if len(values) == 1 else "{:.1f}")
    return _number(values, "{:.4f}", spread=True)


def _number(values: list[float], form: str, *, spread: bool = False) -> TableCell:
    middle, around = mean(values), deviation(values)
    if middle is None:
        return TableCell("–", _sortable(None))
    text = form.format(middle)
    return TableCell(text if around is None or not spread else f"{text} ± {form.format(around)}", _sortable(middle))


def _sortable(value: float | None) -> float:
    """What is missing sorts as the least."""
    return -math.inf if value is None or math.isnan(value) else value


def _outcomes(setting: Setting) -> str:
    outcomes = setting.outcomes()
    if len(setting.runs) == 1:
        return next(iter(outcomes))
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if outcome != "completed")
