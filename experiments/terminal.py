"""What a person sees while something runs: a progress bar and log lines that don't get in each other's way.

Diagnostics go to stderr, results to stdout; without a terminal there are plain lines only.
"""

import errno
import logging
import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Item = TypeVar("Item")

_UNBOUNDED = 10_000  # columns


class _Console(Console):
    """Goes on when nobody reads any more, as behind `| head`: what is printed is in files as well."""

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError as error:
            # Results that cannot be written are an error; lines on the way may be lost, as in a log on a full disk.
            if error.errno != errno.EIO and not self.stderr:
                raise
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Write nothing further, where Rich would end the program before it has done what was asked for."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


stderr = _Console(stderr=True, soft_wrap=True)
stdout = _Console(soft_wrap=True)


class TerminalHandler(logging.Handler):
    """Writes log records above the progress bar, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        style = "yellow" if record.levelno >= logging.WARNING else ""
        stderr.print(self.format(record), style=style, markup=False, highlight=False)


def print_table(table: Table) -> None:
    """Print a table to stdout; where that is a file or a pipe, nothing is cut to the width of a screen."""
    (stdout if stdout.is_terminal else _Console(width=_UNBOUNDED)).print(table)


def clock(seconds: float) -> str:
    """Write a length of time as a clock shows it.

    >>> clock(75.2), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def progress(items: Iterable[Item], *, total: int, label: str, done: int = 0, shown: bool = True) -> Iterator[Item]:
    """Yield the items that come after those done, showing how far it is and how long it will take.

    The bar is gone afterwards.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not (shown and stderr.is_terminal)) as bar:
        yield from bar.track(items, total=total, completed=done, description=label)
