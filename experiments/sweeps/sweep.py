"""A sweep, from its cells to the comparison. A run that fails is a row of the table, never the end of the sweep."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from experiments.comparison.comparison import compare
from experiments.comparison.files import write_comparison
from experiments.comparison.mlflow_description import description
from experiments.comparison.terminal_table import print_comparison
from experiments.config.schema import Config
from experiments.config.validation import ConfigError
from experiments.errors import UserError
from experiments.files import named, remove_drafts
from experiments.lock import held
from experiments.recorders.book import Status
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.settling import settle
from experiments.recorders.store import DESCRIPTION, SWEEP_SIZE
from experiments.recorders.tracked_run import SweepPart, TrackedRun
from experiments.recorders.uploader import uploader
from experiments.runs.folder import RunFolder
from experiments.runs.lines import same_command
from experiments.runs.report import open_command
from experiments.sweeps.display import Display
from experiments.sweeps.dry_run import print_plan
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.forecast import Forecast
from experiments.sweeps.grid import Cell
from experiments.sweeps.halving import better_part
from experiments.sweeps.launchers import Lost, launch
from experiments.sweeps.task import Report, Task, carry_out
from experiments.terminal import stdout

_log = logging.getLogger(__name__)

_OUTCOMES: dict[Status, str] = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "interrupted"}


class SweepFailedError(UserError):
    """Runs of a sweep have no result."""


def run_sweep(cells: Sequence[Cell]) -> None:
    """Carry out all runs and compare them; with `dry_run`, say what would be done.

    Where and how is read from the first cell: outputs, tracking and launcher are the same for all.

    Raises:
        ConfigError: these runs cannot be a sweep; nothing was written.
        SweepFailedError: a run has no result; the others were carried out all the same.
        KeyboardInterrupt: it was interrupted; what is finished is compared, and the same call goes on with it.
    """
    config = cells[0].config
    _refuse_impossible(config, cells)
    if config.dry_run:
        print_plan(cells)
        return
    folder = SweepFolder(Path(config.outputs_dir), sweep_id(cells))
    waiting = "sweep %s: another process is at it, waiting"
    with named(folder.path), held(folder.lock, on_wait=lambda: _log.info(waiting, folder.sweep_id)):
        remove_drafts(folder.path)
        _Sweep(config, folder, cells).run()


def _refuse_impossible(config: Config, cells: Sequence[Cell]) -> None:
    if config.sweep.halving and len({cell.config.trainer.epochs for cell in cells}) > 1:
        raise ConfigError("sweep.halving=true: compares runs after the same epochs, so trainer.epochs cannot vary")


def sweep_id(cells: Sequence[Cell]) -> str:
    """12 hexadecimal digits: the same runs are the same sweep."""
    return hashlib.sha256(" ".join(sorted(cell.identity for cell in cells)).encode()).hexdigest()[:12]


class _Sweep:
    """A sweep under way. The folder is held for it."""

    def __init__(self, config: Config, folder: SweepFolder, cells: Sequence[Cell]) -> None:
        self._config, self._folder, self._cells = config, folder, cells
        self._parent = _parent_run(config, folder, cells)
        self._forecast = Forecast(cells, config)
        self._display = Display(self._forecast.jobs)
        self._failed: set[str] = set()
        self._begun = time.monotonic()

    def run(self) -> None:
        """Carry out the sweep, and close it whatever happens."""
        self._folder.write_plan(self._cells)
        _log.info("sweep %s: %s", self._folder.sweep_id, self._forecast.counts())
        status: Status = "FAILED"
        store = uploader(self._config.tracking.uri, self._folder.outputs_dir)
        store.leave_alone(RunFolder(self._folder.outputs_dir, cell.identity).path for cell in self._cells)
        try:
            self._parent.begin({"sweep.id": self._folder.sweep_id, SWEEP_SIZE: str(len(self._cells))}, {}, [], [])
            with self._display.shown():
                self._carry_out_all()
            status = "FAILED" if self._failed else "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            _log.warning("the sweep was interrupted; %s goes on with it", same_command(self._config))
            raise
        finally:
            self._close(status)
        if self._failed:
            raise SweepFailedError(self._failure())

    def _carry_out_all(self) -> None:
        """Carry out the runs rung by rung; without halving the end is the only one."""
        cells, given_up, before = list(self._cells), dict[str, int](), 0
        for number, rung in enumerate(self._forecast.rungs, start=1):
            if not cells or self._has_failed_too_often():
                return
            if before:
                better = better_part(cells, before, self._config.sweep.reduction_factor)
                given_up |= {cell.identity: before for cell in cells if cell not in better}
                line = "rung %d of %d: %d of %d runs go on from epoch %d to %d"
                _log.info(line, number, len(self._forecast.rungs), len(better), len(cells), before, rung)
                cells = [replace(cell, config=replace(cell.config, force=False)) for cell in better]
            self._folder.give_up(given_up)
            self._carry_out(cells, rung)
            before = rung

    def _carry_out(self, cells: Sequence[Cell], rung: int) -> None:
        """Carry out these runs up to an epoch."""
        self._forecast.begin(cells, rung)
        with closing(launch(self._config.launcher, carry_out, self._tasks(cells, rung))) as results:
            for task, result in results:
                report = self._lost(task, result) if isinstance(result, Lost) else result
                if report.failed:
                    self._failed.add(task.cell.identity)
                self._forecast.end(task.cell)
                self._display.end(task.cell, report, self._forecast.seconds_left())

    def _tasks(self, cells: Sequence[Cell], rung: int) -> Iterator[Task]:
        """Tasks, each noted as begun when it is asked for; none any more after too many failures."""
        for cell in cells:
            if self._has_failed_too_often():
                return
            part = SweepPart(self._folder.sweep_id, _words(cell))
            epochs = cell.config.trainer.epochs
            self._display.begin(cell, min(rung, epochs))
            yield Task(cell, part, pause_after=rung if rung < epochs else None)

    def _has_failed_too_often(self) -> bool:
        most = self._config.sweep.max_failures
        return most is not None and len(self._failed) >= most

    def _lost(self, task: Task, lost: Lost) -> Report:
        """Close the run of a process that could not do so itself."""
        with suppress(TrackerError):  # the next command can do it
            settle(RunFolder(self._folder.outputs_dir, task.cell.identity).path, self._config.tracking.uri)
        return Report(True, f"lost: {lost.reason}")

    def _failure(self) -> str:
        said = f"{len(self._failed)} of {len(self._cells)} runs have no result"
        if self._has_failed_too_often():
            said += f", no more were begun (sweep.max_failures={self._config.sweep.max_failures})"
        return f"{said}; the same command tries them again"

    def _close(self, status: Status) -> None:
        """Close the sweep's own run before anything else, then compare."""
        self._parent.end(status, {"outcome": _OUTCOMES[status]}, {}, [])
        comparison = compare(self._folder)
        print_comparison(comparison)
        files = write_comparison(comparison)
        self._parent.attach({DESCRIPTION: description(comparison)}, files)
        self._parent.close()
        uploader(self._config.tracking.uri, self._folder.outputs_dir).finish(time.monotonic() - self._begun)
        stdout.print(_closing_lines(self._config, self._folder, self._parent.run_id), markup=False, highlight=False)


def _parent_run(config: Config, folder: SweepFolder, cells: Sequence[Cell]) -> TrackedRun:
    """The run under which MLflow shows the sweep's runs."""
    varying = " × ".join(key.rpartition(".")[2] for key in cells[0].overrides)
    name = f"sweep {varying} ({len(cells)} runs)" if varying else "sweep (1 run)"
    store = uploader(config.tracking.uri, folder.outputs_dir)
    return TrackedRun(store, config.tracking.experiment, folder.path, name, None)


def _words(cell: Cell) -> str:
    return " ".join(f"{key}={value}" for key, value in cell.overrides.items())


def _closing_lines(config: Config, folder: SweepFolder, run_id: str | None) -> str:
    tracked = f" (MLflow run {run_id})" if run_id else ""
    return f"sweep  {folder.path}{tracked}\npage   {folder.page}\nopen   {open_command(config)}"
