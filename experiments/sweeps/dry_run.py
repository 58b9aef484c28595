"""A dry run: which runs there would be, how far each is, how long the rest would take. Nothing is written."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.config.schema import Config
from experiments.runs.execute import default_name
from experiments.sweeps.cell import Cell
from experiments.sweeps.forecast import Forecast, Progress
from experiments.terminal import clock, print_table, stdout


def print_plan(cells: Sequence[Cell]) -> None:
    """Print a table of the runs, and what is left of them."""
    config = cells[0].config
    forecast = Forecast(cells, config)
    print_table(_table(list(forecast.runs.values())))
    lines = [forecast.counts(), _duration(forecast)]
    if config.sweep.halving:
        compared = ", ".join(map(str, forecast.rungs[:-1]))
        lines.append(f"successive halving after epochs {compared}: one in {config.sweep.reduction_factor} goes on")
    stdout.print("\n".join([*lines, "dry run: nothing was run or written"]), markup=False, highlight=False)


def single(config: Config) -> Cell:
    """A run that is no sweep's, as its only cell."""
    return Cell(default_name(config), {}, config)


def _table(runs: Sequence[Progress]) -> Table:
    varying = list(runs[0].cell.overrides)
    shown = Table(box=SIMPLE_HEAD)
    shown.add_column("", justify="right")
    for key in varying:
        shown.add_column(key.rpartition(".")[2], justify="right", no_wrap=True)
    for title in ("run", "state"):
        shown.add_column(title, no_wrap=True)
    for number, run in enumerate(runs, start=1):
        values = [run.cell.overrides[key] for key in varying]
        shown.add_row(f"{number}", *values, run.cell.identity, _state(run), style="" if run.outcome is None else "dim")
    return shown


def _state(run: Progress) -> str:
    if run.outcome:
        accuracy = f", test {run.final['test/accuracy']:.2%}" if "test/accuracy" in run.final else ""
        return f"{run.outcome}{accuracy}; will be skipped"
    if run.is_repeated:
        return "will be repeated" if run.cell.config.force else "will be trained again from the start"
    if not run.epochs:
        return "new"
    if not run.is_resumable:
        return f"paused after epoch {run.epochs}; if it goes on, it trains again from the start"
    return f"will go on after epoch {run.epochs} of {run.cell.config.trainer.epochs}"


def _duration(forecast: Forecast) -> str:
    left = forecast.seconds_left()
    if left is None:
        return "time left: unknown until an epoch is on record"
    on = f" on {forecast.workers} processes" if forecast.workers > 1 else ""
    return f"about {clock(left)} of training left{on}"
