"""The comparison on the terminal."""

from collections.abc import Set

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.comparison.advice import advice
from experiments.comparison.comparison import Comparison
from experiments.comparison.mixed_environments import mixed_environments
from experiments.comparison.table import TableContent, table_content
from experiments.comparison.wording import outcomes_in_words, percentage
from experiments.terminal import print_table, stdout

_ERRORS = 5  # that are told below the table
_WORDS = {"outcome", "run"}
_DISPENSABLE = ("loss", "train", "epoch", "best", "seconds", "epochs", "run")  # the first first
_UNBOUNDED = 10_000  # columns


def print_comparison(comparison: Comparison) -> None:
    """Print the table, and below it what there is to say."""
    print_table(table(comparison, stdout.width if stdout.is_terminal else None))
    stdout.print("\n".join(notes(comparison)), markup=False, highlight=False)


def table(comparison: Comparison, width: int | None = None) -> Table:
    """The table of the settings; the best stands first, bold and with an asterisk.

    Args:
        comparison: what to show.
        width: in columns of a terminal. Where that is too narrow, what matters least is left out.
    """
    content = table_content(comparison)
    left_out: set[str] = set()
    shown = _table(comparison, content, left_out)
    if width is not None:
        room = Console(width=_UNBOUNDED)
        for title in (title for title in _DISPENSABLE if title in content.titles):
            if room.measure(shown).maximum <= width:
                break
            left_out.add(title)
            shown = _table(comparison, content, left_out)
    return shown


def _table(comparison: Comparison, content: TableContent, left_out: Set[str]) -> Table:
    marked = any(line.best for line in content.lines)
    title = f"sweep {comparison.folder.sweep_id}"
    if comparison.best is not None:
        title += f", {'chosen ' if marked else ''}by {comparison.selection.name}"
    shown = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD)
    if marked:
        shown.add_column("")
    columns = [number for number, name in enumerate(content.titles) if name not in left_out]
    for name in map(content.titles.__getitem__, columns):
        shown.add_column(name, justify="left" if name in _WORDS else "right", overflow="fold")
    for line in content.lines:
        cells = [escape(line.cells[number].text) for number in columns]
        style = "bold green" if line.best else "" if line.completed else "dim"
        shown.add_row(*["*" if line.best else ""] * marked, *cells, style=style)
    return shown


def notes(comparison: Comparison) -> list[str]:
    """What stands below: what to take, why, the mean where only seeds vary, mixed environments, what failed and why."""
    best, said = comparison.best, advice(comparison)
    lines = []
    if best is not None and len(comparison.settings) > 1:
        lines += [f"{said.headline}: {said.result}", said.runner_up, said.reason]
    if best is not None and not comparison.keys and len(best.completed) > 1:
        metric = comparison.selection.metric
        average = percentage(best.mean(metric), best.deviation(metric))
        lines.append(f"mean ± standard deviation over {len(best.completed)} seeds: {average}")
    lines.append(mixed_environments(comparison.runs).remark)
    if not all(run.completed for run in comparison.runs):
        lines.append(outcomes_in_words(comparison))
    failed = [run for run in comparison.runs if run.error]
    lines += [f"{run.name} ({run.identity}): {run.error}" for run in failed[:_ERRORS]]
    if len(failed) > _ERRORS:
        lines.append(f"and {len(failed) - _ERRORS} more that failed; comparison.html lists them")
    return [line for line in lines if line]
