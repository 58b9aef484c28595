"""A sweep, from its cells to the comparison. A run that fails is a row of the table, never the end of the sweep."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from experiments.config.schema import Config, JoblibConfig
from experiments.data.dataset import DataError
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
    parent.start({"sweep.id": folder.sweep_id, SWEEP_SIZE: str(len(cells))}, {}, [])
    status: Status = "FAILED"
    try:
        part = partial(SweepPart, folder.sweep_id, parent.run_id)
        tasks = [_Task(f"[{i}/{len(cells)}]", cell, part(_words(cell))) for i, cell in enumerate(cells, start=1)]
        succeeded = all(list(launch(config.launcher, _carry_out, tasks)))
        status = "FINISHED" if succeeded else "FAILED"
    except KeyboardInterrupt:
        status = "KILLED"
        _log.warning("the sweep was interrupted; the same command goes on with it")
        raise
    finally:
        frame = compare(folder)
        parent.finish(status, {}, [], write_comparison(folder, frame))
        print_table(table(folder, frame))
        stdout.print(_closing_lines(config, folder, parent.run_id), markup=False, highlight=False)
    if not succeeded:
        count = int((~frame["outcome"].isin(("completed", "diverged"))).sum())
        raise SweepFailedError(f"{count} of {len(cells)} runs have no result; the same command tries them again")


def sweep_id(cells: Sequence[Cell]) -> str:
    """12 hexadecimal digits: the same runs are the same sweep."""
    return hashlib.sha256(" ".join(sorted(cell.identity for cell in cells)).encode()).hexdigest()[:12]


def _parent_run(config: Config, folder: SweepFolder, runs: int) -> TrackedRun:
    """The run under which MLflow shows the sweep's runs."""
    store = tracker(config.tracking.uri, config.tracking.experiment, Path(config.outputs_dir) / "artifacts")
    varying = " × ".join(key.rpartition(".")[2] for key in folder.varying())
    return TrackedRun(store, folder.tracked, f"sweep {varying} ({runs} runs)" if varying else "sweep (1 run)", None)


def _carry_out(task: _Task) -> bool:
    """Carry out one cell, and say whether it has a result."""
    cell, config = task.cell, task.cell.config
    if isinstance(config.launcher, JoblibConfig):  # several runs share the cores; the bits are the same
        config = replace(config, trainer=replace(config.trainer, threads=1))
    _log.info("%s %s", task.position, cell.name)
    try:
        execute(config, name=cell.name, part=task.part)
    except DataError as error:
        _log.error("%s", error)
        return False
    except Exception:  # a failed run is a row of the table; its traceback is in its folder
        _log.exception("run %s (%s) failed", cell.identity, cell.name)
        return False
    return True


def _words(cell: Cell) -> str:
    return " ".join(f"{key}={value}" for key, value in cell.overrides.items())


def _closing_lines(config: Config, folder: SweepFolder, run_id: str | None) -> str:
    tracked = f" (MLflow run {run_id})" if run_id else ""
    return f"sweep  {folder.path}{tracked}\nopen   {open_command(config)}"
