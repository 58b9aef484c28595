"""The comparison on the terminal."""

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from experiments.comparison.comparison import Comparison
from experiments.comparison.table import table_content
from experiments.comparison.wording import outcomes_in_words, percentage

_ERRORS = 5  # that are told below the table
_WORDS = {"outcome", "run"}


def table(comparison: Comparison) -> Table:
    """The table of the settings; the best stands first, bold and with an asterisk."""
    content = table_content(comparison)
    marked = any(line.best for line in content.lines)
    title = f"sweep {comparison.folder.sweep_id}"
    if comparison.best is not None:
        title += f", {'chosen ' if marked else ''}by {comparison.selection.name}"
    caption = escape("\n".join(_notes(comparison))) or None
    shown = Table(title=escape(title), caption=caption, title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    if marked:
        shown.add_column("")
    for name in content.titles:
        shown.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=True)
    for line in content.lines:
        cells = [escape(cell.text) for cell in line.cells]
        style = "bold green" if line.best else "" if line.completed else "dim"
        shown.add_row(*["*" if line.best else ""] * marked, *cells, style=style)
    return shown


def _notes(comparison: Comparison) -> list[str]:
    """What stands below: why it is chosen so, the mean where only seeds vary, what came to nothing, and why."""
    best, reason = comparison.best, comparison.selection.reason
    notes = [reason] if best is not None and reason else []
    if best is not None and not comparison.keys and len(best.completed) > 1:
        metric = comparison.selection.metric
        average = percentage(best.mean(metric), best.deviation(metric))
        notes.append(f"mean ± standard deviation over {len(best.completed)} seeds: {average}")
    if not all(run.completed for run in comparison.runs):
        notes.append(outcomes_in_words(comparison))
    failed = [run for run in comparison.runs if run.error]
    notes += [f"{run.name} ({run.identity}): {run.error}" for run in failed[:_ERRORS]]
    if len(failed) > _ERRORS:
        notes.append(f"and {len(failed) - _ERRORS} more that failed; comparison.html lists them")
    return notes
