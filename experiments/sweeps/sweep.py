"""A sweep, from its cells to the comparison. A run that fails is a row of the table, never the end of the sweep."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.config.schema import Config, JoblibConfig
from experiments.errors import UserError
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from experiments.recorders.tracker import SWEEP_SIZE, Status, tracker
from experiments.runs.execute import execute
from experiments.runs.report import open_command
from experiments.sweeps.comparison import compare, table, write_comparison
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.grid import Cell
from experiments.sweeps.launchers import launch
from experiments.terminal import print_table, stdout

_log = logging.getLogger(__name__)


class SweepFailedError(UserError):
    """Runs of a sweep have no result."""


@dataclass(frozen=True)
class _Task:
    """What a worker process needs to carry out one cell."""

    position: str
    cell: Cell
    part: SweepPart


@dataclass(frozen=True)
class _Report:
    """What came of a cell: whether it has a result, and the line that says so."""

    succeeded: bool
    line: str


def run_sweep(cells: Sequence[Cell]) -> None:
    """Carry out all runs and compare them.

    Where and how is read from the first cell: outputs, tracking and launcher are the same for all.

    Raises:
        SweepFailedError: a run has no result; the others were carried out all the same.
        KeyboardInterrupt: it was interrupted; what is finished is compared, and the same call goes on with it.
    """
    config = cells[0].config
    folder = SweepFolder(Path(config.outputs_dir), sweep_id(cells))
    folder.write_plan(cells)
    parent = _parent_run(config, folder, len(cells))
    status: Status = "FAILED"
    try:
        parent.start({"sweep.id": folder.sweep_id, SWEEP_SIZE: str(len(cells))}, {}, [])
        failed = _carry_out_all(config, folder, cells, parent)
        status = "FAILED" if failed else "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        _log.warning("the sweep was interrupted; the same command goes on with it")
        raise
    finally:
        frame = compare(folder)
        parent.finish(status, {}, [], write_comparison(folder, frame))
        print_table(table(folder, frame))
        stdout.print(_closing_lines(config, folder, parent.run_id), markup=False, highlight=False)
    if failed:
        raise SweepFailedError(f"{failed} of {len(cells)} runs have no result; the same command tries them again")


def sweep_id(cells: Sequence[Cell]) -> str:
    """12 hexadecimal digits: the same runs are the same sweep."""
    return hashlib.sha256(" ".join(sorted(cell.identity for cell in cells)).encode()).hexdigest()[:12]


def _parent_run(config: Config, folder: SweepFolder, runs: int) -> TrackedRun:
    """The run under which MLflow shows the sweep's runs."""
    varying = " × ".join(key.rpartition(".")[2] for key in folder.varying())
    name = f"sweep {varying} ({runs} runs)" if varying else "sweep (1 run)"
    return TrackedRun(tracker(config), folder.tracked, name, None)


def _carry_out_all(config: Config, folder: SweepFolder, cells: Sequence[Cell], parent: TrackedRun) -> int:
    """Carry out all cells and return how many have no result."""
    tasks = [
        _Task(f"[{number}/{len(cells)}]", cell, SweepPart(folder.sweep_id, parent.run_id, _words(cell)))
        for number, cell in enumerate(cells, start=1)
    ]
    failed = 0
    for report in launch(config.launcher, _carry_out, tasks):
        failed += not report.succeeded
        if isinstance(config.launcher, JoblibConfig):  # what a worker logs is seen in its run's log only
            _log.info(report.line)
    return failed


def _carry_out(task: _Task) -> _Report:
    """Carry out one cell."""
    cell, title = task.cell, f"{task.position} {task.cell.name}"
    _log.info(title)
    try:
        result = execute(cell.config, name=cell.name, part=task.part)
    except UserError as error:
        _log.error("%s", error)
        return _Report(False, f"{title}  failed: {error}")
    except Exception as error:  # a failed run is a row of the table; its traceback is in its folder
        _log.exception("run %s (%s) failed", cell.identity, cell.name)
        return _Report(False, f"{title}  failed: {error!r}")
    accuracy = result.final.get("test/accuracy")
    return _Report(True, f"{title}  " + (result.outcome if accuracy is None else f"test {accuracy:.2%}"))


def _words(cell: Cell) -> str:
    return " ".join(f"{key}={value}" for key, value in cell.overrides.items())


def _closing_lines(config: Config, folder: SweepFolder, run_id: str | None) -> str:
    tracked = f" (MLflow run {run_id})" if run_id else ""
    return f"sweep  {folder.path}{tracked}\nopen   {open_command(config)}"
