"""What a person sees of a sweep while it runs: lines, and on a terminal one display that stays below them."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.sweeps.cell import Cell
from experiments.sweeps.task import Report
from experiments.terminal import clock, stderr

_log = logging.getLogger(__name__)
_REFRESHES = 4  # a second
_BAR, _SMALL_BAR = 30, 12  # columns


class Display:
    """The state of a sweep, as its one process at the top knows it.

    Args:
        total: runs to carry out; a run that is paused counts once more when it is gone on with.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._failed = 0
        self._at_work: dict[str, tuple[Cell, int]] = {}
        self._best: tuple[float, str] | None = None
        self._expected_end: float | None = None  # when it is expected, on the monotonic clock

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the display in this context, if there is a terminal, and leave nothing of it."""
        if not stderr.is_terminal:
            yield
            return
        with Live(console=stderr, get_renderable=self._render, refresh_per_second=_REFRESHES, transient=True):
            yield

    def begin(self, cell: Cell, last: int) -> None:
        """Note that a run is at work, up to this epoch."""
        self._at_work = {**self._at_work, cell.identity: (cell, last)}

    def end(self, cell: Cell, report: Report, left: float | None) -> None:
        """Note what came of a run, and say it in a line.

        Args:
            cell: the run.
            report: what came of it.
            left: seconds until all is done, if they can be estimated.
        """
        self._at_work = {key: value for key, value in self._at_work.items() if key != cell.identity}
        self._done += 1
        self._failed += report.failed
        self._expected_end = None if left is None else time.monotonic() + left
        if report.accuracy is not None and (self._best is None or report.accuracy > self._best[0]):
            self._best = report.accuracy, cell.name
        for warning in report.warnings:
            _log.warning("%s: %s", cell.name, warning)
        width = len(str(self._total))
        level = logging.ERROR if report.failed else logging.INFO
        _log.log(level, "[%*d/%d] %s  %s", width, self._done, self._total, cell.name, report.line)

    def _render(self) -> RenderableType:
        rows = Table.grid(padding=(0, 1))
        for cell, last in self._at_work.values():
            epochs = _epochs(cell)
            rows.add_row(Text(f"  {cell.name}"), ProgressBar(last, epochs, _SMALL_BAR), Text(f"epoch {epochs}/{last}"))
        whole = Table.grid()  # a bar of its own would leave the line open
        whole.add_row(ProgressBar(self._total, self._done, _BAR))
        whole.add_row(Text(self._summary(), no_wrap=True, overflow="ellipsis"))
        return Group(rows, whole)

    def _summary(self) -> str:
        """The shortest and most wanted first: a narrow terminal cuts the end off."""
        parts = [f"{self._done}/{self._total} done"]
        if self._expected_end is not None:
            parts.append(f"{clock(max(0.0, self._expected_end - time.monotonic()))} left")
        parts += [f"{len(self._at_work)} running", f"{self._failed} failed"]
        if self._best:
            parts.append(f"best {self._best[0]:.2%} ({self._best[1]})")
        return " · ".join(parts)


def _epochs(cell: Cell) -> int:
    """How many epochs a run at work has recorded."""
    return len(History(RunFolder(Path(cell.config.outputs_dir), cell.identity).history).rows())
