"""A sweep, from its cells to the comparison. A run that fails is a row of the table, never the end of the sweep."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from experiments.comparison.comparison import compare
from experiments.comparison.terminal_table import print_comparison
from experiments.config.schema import Config
from experiments.config.validation import ConfigError
from experiments.errors import UserError
from experiments.files import named
from experiments.lock import held
from experiments.runs.execute import SweepPart
from experiments.runs.lines import same_command
from experiments.runs.report import mlflow_run, open_command
from experiments.runs.status import write_status
from experiments.sweeps.cell import Cell
from experiments.sweeps.display import Display
from experiments.sweeps.dry_run import print_plan
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.forecast import Forecast
from experiments.sweeps.halving import better_part
from experiments.sweeps.launchers import Lost, launch
from experiments.sweeps.task import Report, Task, carry_out
from experiments.terminal import stdout
from experiments.tracking import outbox
from experiments.tracking.process import publishing
from experiments.tracking.targets import add_target, new_target

_log = logging.getLogger(__name__)


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
    with publishing(config.tracking.uri, folder.outputs_dir), _at(folder):
        failure = _Sweep(config, folder, cells).run()
    stdout.print(_closing_lines(config, folder), markup=False, highlight=False)
    if failure is not None:
        raise SweepFailedError(failure)


@contextmanager
def _at(folder: SweepFolder) -> Iterator[None]:
    """Hold a sweep's folder: two commands of the same sweep run one after the other."""
    waiting = "sweep %s: another process is at it, waiting"
    with named(folder.path), held(folder.lock, on_wait=lambda: _log.info(waiting, folder.sweep_id)):
        outbox.remove_drafts(folder.path)
        yield


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
        self._forecast = Forecast(cells, config)
        self._display = Display(self._forecast.jobs)
        self._failed: set[str] = set()

    def run(self) -> str | None:
        """Carry out the sweep, and close it whatever happens; return why it has failed, if it has."""
        self._folder.write_plan(self._cells)
        self._have_shown()
        _log.info("sweep %s: %s", self._folder.sweep_id, self._forecast.counts())
        outcome = "failed"
        try:
            with self._display.shown():
                self._carry_out_all()
            outcome = "failed" if self._failed else "completed"
        except KeyboardInterrupt:
            outcome = "interrupted"
            _log.warning("the sweep was interrupted; %s goes on with it", same_command(self._config))
            raise
        finally:
            write_status(self._folder.path, outcome)
            print_comparison(compare(self._folder))
        return self._failure() if self._failed else None

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
                report = self._lost(result) if isinstance(result, Lost) else result
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

    @staticmethod
    def _lost(lost: Lost) -> Report:
        """Of a run whose process could not close it: its lock is free, so it is shown as KILLED."""
        return Report(True, f"lost: {lost.reason}")

    def _failure(self) -> str:
        said = f"{len(self._failed)} of {len(self._cells)} runs have no result"
        if self._has_failed_too_often():
            said += f", no more were begun (sweep.max_failures={self._config.sweep.max_failures})"
        return f"{said}; the same command tries them again"

    def _have_shown(self) -> None:
        """Have the publisher show the sweep as the parent of its runs."""
        varying = " × ".join(key.rpartition(".")[2] for key in self._cells[0].overrides)
        name = f"sweep {varying} ({len(self._cells)} runs)" if varying else "sweep (1 run)"
        tracking = self._config.tracking
        outbox.put(self._folder.path)
        add_target(self._folder.path, new_target(tracking.uri, tracking.experiment, name))
        write_status(self._folder.path, "running")


def _words(cell: Cell) -> str:
    return " ".join(f"{key}={value}" for key, value in cell.overrides.items())


def _closing_lines(config: Config, folder: SweepFolder) -> str:
    shown = mlflow_run(folder.path, config)
    return f"sweep  {folder.path}{shown}\npage   {folder.page}\nopen   {open_command(config)}"
