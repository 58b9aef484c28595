"""What is done for one run of a sweep, in whichever process, and what is said of it afterwards."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from experiments.errors import UserError
from experiments.runs.execute import RunResult, SweepPart, execute
from experiments.runs.history import deciding
from experiments.sweeps.cell import Cell

_SHOWN = {"val": "val/accuracy", "test": "test/accuracy"}


@dataclass(frozen=True)
class Task:
    """What a process needs to know to carry out one cell, to its end or to the epoch it is to pause after."""

    cell: Cell
    part: SweepPart
    pause_after: int | None = None


@dataclass(frozen=True)
class Report:
    """What came of a cell.

    Args:
        failed: whether it has no result.
        line: that says so.
        accuracy: by which runs are compared, of a run that has one.
        warnings: for a person, beside it.
    """

    failed: bool
    line: str
    accuracy: float | None = None
    warnings: tuple[str, ...] = ()


def carry_out(task: Task) -> Report:
    """Carry out one cell; whatever goes wrong with it is in the report, and in its folder.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    begun = time.monotonic()
    with _off_the_terminal() as warnings:
        try:
            result = execute(task.cell.config, name=task.cell.name, part=task.part, pause_after=task.pause_after)
        except UserError as error:
            return Report(True, f"failed: {error}", warnings=tuple(warnings))
        except Exception as error:  # a failed run is a row of the table; its traceback is in its folder
            return Report(True, f"failed: {_in_a_line(error)}", warnings=tuple(warnings))
    accuracy = None if result.outcome == "diverged" else result.final.get(deciding(result.final))
    return Report(False, _said(result, time.monotonic() - begun), accuracy, tuple(warnings))


def _said(result: RunResult, seconds: float) -> str:
    came_to = [f"{name} {result.final[key]:.2%}" for name, key in _SHOWN.items() if key in result.final]
    if result.outcome == "diverged":
        came_to = ["diverged"]
    if result.was_finished:
        how = f" (with {result.computed_with})" if result.computed_with else ""
        return "  ".join([*came_to, f"was finished{how}"])
    went_on = f", from epoch {result.epochs_before + 1}" if result.epochs_before else ""
    return "  ".join([*came_to, f"{seconds:.1f} s{went_on}"])


def _in_a_line(error: Exception) -> str:
    message = str(error).splitlines()
    return f"{type(error).__name__}: {message[0]}" if message else type(error).__name__


@contextmanager
def _off_the_terminal() -> Iterator[list[str]]:
    """Keep what runs log out of the sweep's display: it is in each run's log. Collect what a person should see."""
    logger = logging.getLogger("experiments")
    collector = _Collector(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


class _Collector(logging.Handler):
    """Keeps the messages of its level and above."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.append(record.getMessage())
