"""What is left of a sweep: how many runs, and how many seconds of training as far as the known epochs tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from experiments.config.schema import Config, JoblibConfig
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.sweeps.cell import Cell
from experiments.sweeps.halving import by_setting, rungs, settings_per_rung

_COMPARED = 64  # known runs that a run is compared with: estimates come after every run, also in sweeps of thousands


@dataclass(frozen=True)
class Progress:
    """How far one run is.

    Args:
        cell: the run.
        seconds: that each of its epochs took, of those that are recorded.
        outcome: what its marker says, if it is finished.
        final: likewise, its final metrics.
        is_repeated: whether it trains from the start although there is something of it.
        is_resumable: whether there is a checkpoint to go on from.
    """

    cell: Cell
    seconds: Sequence[float]
    outcome: str | None
    final: Mapping[str, float]
    is_repeated: bool = False
    is_resumable: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs are recorded."""
        return len(self.seconds)

    def epochs_left(self, last: int) -> int:
        """How many epochs there are to train up to this one."""
        end = self.cell.config.trainer.epochs
        if self.outcome or (self.epochs >= last and last < end):  # a run that has paused there is only read
            return 0
        return max(0, min(last, end) - (self.epochs if self.is_resumable else 0))


def progress_of(cell: Cell) -> Progress:
    """Read how far a run is."""
    folder = RunFolder(Path(cell.config.outputs_dir), cell.identity)
    seconds = [row.metrics.get("time/epoch_s", 0.0) for row in History(folder.history).rows()]
    marker = folder.summary()
    changed = [] if marker is None else folder.changed(marker)
    if marker is not None and not changed:
        return Progress(cell, seconds, marker["outcome"], marker["final"])
    resumable = folder.checkpoint.exists() and folder.history.name not in changed
    starts_over = not resumable and bool(marker or seconds) and not _has_paused(cell, len(seconds))
    return Progress(cell, seconds, None, {}, is_repeated=starts_over, is_resumable=resumable)


def _has_paused(cell: Cell, epochs: int) -> bool:
    """Whether successive halving compares the run by what is recorded of it: only if it goes on is it trained."""
    end = cell.config.trainer.epochs
    return rungs(end, cell.config.sweep)[0] <= min(epochs, end - 1)


def _repeated(cell: Cell) -> Progress:
    """A run that is to be begun again, whatever there is of it."""
    known = progress_of(cell)
    return Progress(cell, (), None, {}, is_repeated=bool(known.outcome or known.epochs or known.is_repeated))


class Forecast:
    """How far the runs of a sweep are; `begin` and `end` keep it up to date.

    Args:
        cells: the runs.
        config: says how many are at work at a time, and when runs are given up.
    """

    def __init__(self, cells: Sequence[Cell], config: Config) -> None:
        self.runs = {cell.identity: _repeated(cell) if cell.config.force else progress_of(cell) for cell in cells}
        self.rungs = rungs(max(cell.config.trainer.epochs for cell in cells), config.sweep)
        self.workers = config.launcher.n_jobs if isinstance(config.launcher, JoblibConfig) else 1
        self._settings = settings_per_rung(len(by_setting(cells)), len(self.rungs), config.sweep.reduction_factor)
        self._seeds = len(cells) / self._settings[0]
        self.begin(cells, self.rungs[0])

    @property
    def jobs(self) -> int:
        """How often a run is begun or gone on with, if none fails."""
        return round(sum(self._settings) * self._seeds)

    def counts(self) -> str:
        """Say how many runs there are, and how far they are."""
        finished = sum(run.outcome is not None for run in self.runs.values())
        begun = sum(run.outcome is None and run.epochs > 0 and not run.is_repeated for run in self.runs.values())
        repeated = sum(run.is_repeated for run in self.runs.values())
        new = len(self.runs) - finished - begun - repeated
        parts = [(finished, "finished"), (begun, "begun"), (repeated, "to be repeated"), (new, "new")]
        runs = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        return ", ".join([runs, *(f"{count} {what}" for count, what in parts if count)])

    def begin(self, cells: Sequence[Cell], rung: int) -> None:
        """Note which runs are being trained up to an epoch, one of the rungs."""
        self._going, self._rung = [cell.identity for cell in cells], rung

    def end(self, cell: Cell) -> None:
        """Read again how far a run is."""
        self.runs[cell.identity] = progress_of(cell)
        self._going = [identity for identity in self._going if identity != cell.identity]

    def seconds_left(self) -> float | None:
        """Estimate how long the rest takes; None as long as no epoch is known.

        An epoch takes as long as those of the run itself, or of the known runs that have most in common with it.
        """
        known = [(run.cell.overrides, fmean(run.seconds)) for run in self.runs.values() if run.seconds]
        if not known:
            return None
        now = [
            run.epochs_left(self._rung) * _epoch_seconds(run, known[-_COMPARED:])
            for run in map(self.runs.__getitem__, self._going)
        ]
        later = self._epochs_of_later_rungs() * fmean(seconds for _, seconds in known)
        return max((sum(now) + later) / self.workers, max(now, default=0.0))

    def _epochs_of_later_rungs(self) -> float:
        rungs = self.rungs[self.rungs.index(self._rung) :]
        settings = self._settings[-len(rungs) :]
        return self._seeds * sum(
            (rung - before) * count for before, rung, count in zip(rungs, rungs[1:], settings[1:], strict=False)
        )


def _epoch_seconds(run: Progress, known: Sequence[tuple[Mapping[str, str], float]]) -> float:
    if run.seconds:
        return fmean(run.seconds)
    alike = [(len(run.cell.overrides.items() & overrides.items()), seconds) for overrides, seconds in known]
    most = max(count for count, _ in alike)
    return fmean(seconds for count, seconds in alike if count == most)
