"""A run, from its configuration to its result: skipped if it is finished, gone on with if it was stopped."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.files import named
from experiments.lock import held
from experiments.runs.attempt import Attempt
from experiments.runs.folder import RunFolder
from experiments.runs.identity import identity
from experiments.runs.log_file import log_file
from experiments.runs.numerics import current_facts, otherwise, recorded_stages
from experiments.tracking import outbox
from experiments.tracking.targets import Target, add_target, new_target, replace_targets, shown_by, targets

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepPart:
    """What makes a run one of a sweep's: the sweep's id, and what sets this run apart."""

    sweep_id: str
    overrides: str


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Args:
        folder: where it is.
        outcome: `completed`, `diverged`, or `paused` before its end; a run that failed or was interrupted raises.
        final: the last epoch's metrics and, as `best/test_accuracy` and `best/epoch`, those of the best.
        stopped_early: after which epoch and why, if it was.
        epochs_before: how many of its epochs were there already.
        was_finished: whether there was nothing left to do.
        computed_with: what a run that was finished was computed with, as far as that is not what this process has.
    """

    folder: RunFolder
    outcome: str
    final: dict[str, float]
    stopped_early: str | None = None
    epochs_before: int = field(default=0, compare=False)  # the way to a result is no part of it
    was_finished: bool = field(default=False, compare=False)
    computed_with: str = field(default="", compare=False)


@dataclass(frozen=True)
class Rerun:
    """What makes a run a rerun of another.

    Args:
        of: the MLflow run it repeats, or its identity where no store shows it.
        number: of its folder.
        conclude: called with the folder once it has come to its end here.
    """

    of: str
    number: int
    conclude: Callable[[RunFolder], None]


def execute(
    config: Config,
    *,
    name: str | None = None,
    part: SweepPart | None = None,
    pause_after: int | None = None,
    rerun: Rerun | None = None,
) -> RunResult:
    """Carry out a run.

    Args:
        config: what to run.
        name: in MLflow's list.
        part: of which sweep, if of any.
        pause_after: leave the run after this epoch, to be gone on with; go to its end if not given.
        rerun: of what, if it is one.

    Raises:
        DataError: the data cannot be had.
        UserError: it cannot be repeated while the store misses a part of it.
        KeyboardInterrupt: it was interrupted; it is closed as such, and the same call goes on with it.
    """
    folder = RunFolder(Path(config.outputs_dir), identity(config), rerun.number if rerun else None)
    with (
        named(folder.path),
        held(folder.lock, on_wait=lambda: _log.info("run %s: another process is at it, waiting", folder.identity)),
    ):
        outbox.remove_drafts(folder.path)
        summary = None if config.force else _summary(folder)
        was_finished = summary is not None
        _have_shown(
            folder,
            _target(config, name or default_name(config), part),
            was_finished=was_finished,
            repeated=config.force,
        )
        with log_file(folder.log):
            attempt = Attempt(config, folder, in_sweep=part is not None)
            epochs_before = attempt.epochs()
            computed_with = ""
            if summary is None:
                summary = attempt.train(pause_after)
            if rerun and not was_finished:  # else what there is was computed by another
                rerun.conclude(folder)
        if was_finished:  # not for its log, which stays as stores have it
            computed_with = otherwise(recorded_stages(folder.environment), current_facts())
            how = f", computed with {computed_with}" if computed_with else ""
            _log.info("run %s is already finished%s; force=true repeats it", folder.identity, how)
    return RunResult(
        folder=folder,
        outcome=summary["outcome"],
        final=summary["final"],
        stopped_early=summary["stopped_early"],
        epochs_before=epochs_before,
        was_finished=was_finished,
        computed_with=computed_with,
    )


def _target(config: Config, name: str, part: SweepPart | None) -> Target:
    """Where MLflow is to show the run."""
    of_sweep = (part.sweep_id, part.overrides) if part else ()
    return new_target(config.tracking.uri, config.tracking.experiment, name, *of_sweep)


def _have_shown(folder: RunFolder, target: Target, *, was_finished: bool, repeated: bool) -> None:
    """Have the publisher show the run, and a repetition as another MLflow run: the first one stays as it is.

    Raises:
        UserError: it cannot be repeated while the store misses a part of it.
    """
    shown = shown_by(folder.path, *target.place)
    if was_finished and shown is not None and shown.is_final:
        return
    is_to_be_shown = any(known.place == target.place for known in targets(folder.path))
    if repeated and folder.history.exists() and is_to_be_shown and not (shown and shown.is_final):
        raise UserError(
            f"force=true: tracking.uri={target.uri} does not show all of run {folder.identity} yet; "
            "python -m experiments.sync uploads it, then it can be repeated"
        )
    outbox.put(folder.path)
    if not repeated:
        add_target(folder.path, target)
        return
    with outbox.exclusive(folder.path):
        folder.clear()
        replace_targets(folder.path, [target])


def _summary(folder: RunFolder) -> dict[str, Any] | None:
    """What came of a run that is finished, if all that it left is still as it was; else it is finished no longer."""
    summary = folder.summary()
    if summary is None or not (changed := folder.changed(summary)):
        return summary
    _log.warning("%s: %s changed since the run finished; it is gone through again", folder.path, ", ".join(changed))
    if folder.history.name in changed:  # its rows look like rows whatever their numbers are
        folder.history.unlink(missing_ok=True)
    folder.finished.unlink()  # after the history: without its marker an altered one would be gone on with
    return None


def default_name(config: Config) -> str:
    """A run's name in MLflow's list, where no sweep gives it one."""
    return f"{config.data.name} lr={config.optimizer.lr:g} batch_size={config.data.batch_size}"
