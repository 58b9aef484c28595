"""One attempt at a run: take up what an earlier one left, train epoch by epoch, record each, finish.

After an epoch comes the history first (the truth), then the checkpoint, then everything that only shows it. Stopped
anywhere, the next attempt goes on from the last checkpoint and ends with the same weights. Epochs that it trains again
must come out as the history says.
"""

import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from math import inf
from typing import Any

import yaml

from cnn_core import Module, Optimizer, Summary, summary
from experiments.config.leaves import leaves
from experiments.config.schema import Config
from experiments.data.dataset import Dataset
from experiments.files import write_whole
from experiments.pictures.augmentation import draw_augmentation
from experiments.pictures.learning_curve import draw_learning_curve
from experiments.recorders.book import Status
from experiments.recorders.history import History, Row, best, difference
from experiments.recorders.tracked_run import TrackedRun
from experiments.recorders.uri import public
from experiments.runs.environment import record_environment
from experiments.runs.folder import RunFolder
from experiments.runs.identity import code_digest
from experiments.runs.lines import epoch_line, opening_line
from experiments.runs.source import record_source, source_tags
from experiments.terminal import progress
from experiments.training.arithmetic import arithmetic
from experiments.training.augmentation import examples
from experiments.training.batches import Batch
from experiments.training.build import build_dataset, build_model, build_optimizer, build_plan
from experiments.training.checkpoint import load_checkpoint, save_checkpoint, weights_digest
from experiments.training.early_stopping import stop_reason
from experiments.training.loop import BEGINNING, DivergedError, EpochResult, Place, Plan, Watch, train

_log = logging.getLogger(__name__)

_IMAGES_DRAWN, _EPOCHS_DRAWN = 8, 3
PAUSED = "paused"  # an outcome that is none yet: the run is to be gone on with
_TAGS = ("outcome", "weights.sha256", "data.sha256", "model.parameters", "model.multiply_adds")

Result = dict[str, Any]


class Attempt:
    """One attempt. The folder is held for it: nobody else writes there."""

    def __init__(
        self, config: Config, folder: RunFolder, tracked: TrackedRun, *, in_sweep: bool, tags: Mapping[str, str]
    ) -> None:
        self._config, self._folder, self._tracked = config, folder, tracked
        self._in_sweep = in_sweep  # it has a display of its own, and says itself what came of each run
        self._own_tags = tags
        self._history = History(folder.history, _needed(config))
        self._written: list[Row] = []  # what the history has; the rows in force are those up to the epoch trained now

    def epochs(self) -> int:
        """How many epochs earlier attempts have recorded."""
        return len(self._history.rows())

    def train(self, pause_after: int | None = None) -> Result:
        """Train to the end, and return what the marker then says; or to an epoch before, and leave no marker."""
        if pause_after is not None and self._tracked.run_id is not None and self.epochs() >= pause_after:
            rows = self._history.rows()
            return {"outcome": PAUSED, "final": rows[-1].metrics | best(rows), "stopped_early": None}
        write_whole(self._folder.config, yaml.safe_dump(self._shown(), sort_keys=False))
        record_environment(self._folder.environment, self._config)
        record_source(self._folder)
        self._folder.failure.unlink(missing_ok=True)
        with self._closed_if_stopped():
            self._written = self._history.keep(self._config.trainer.epochs)
            self._start_tracking(self._written)
            dataset = build_dataset(self._config.data, self._config.seed)
            model, optimizer, place = self._take_up(dataset)
            rows = self._written[: place.epochs]
            data_digest = dataset.digest()
            network = summary(model, self._config.data.image_shape())
            costs = {"model.parameters": network.parameters, "model.multiply_adds": network.multiply_adds}
            self._tracked.tag({"data.sha256": data_digest, **{key: str(count) for key, count in costs.items()}})
            _log.info(opening_line(self._folder, dataset, network))
            self._show_network(network, log=not (self._in_sweep or rows))
            self._draw_augmentation(dataset)
            with arithmetic(self._config):
                outcome = self._epochs(model, optimizer, dataset, place, rows, pause_after)
            if outcome != PAUSED and len(rows) < len(self._written):
                self._forget(len(rows), f"{outcome} after epoch {len(rows)}, but it went on to {len(self._written)}")
            result: Result = {
                "identity": self._folder.identity,
                "outcome": outcome,
                "stopped_early": self._stop_reason(rows),
                "final": rows[-1].metrics | best(rows) if rows else {},
                "weights.sha256": weights_digest(model),
                "data.sha256": data_digest,
                **costs,
            }
            if outcome == PAUSED:
                self._end_early("KILLED", "interrupted")
                return result
            draw_learning_curve(rows, f"run {self._folder.identity} ({outcome})", self._folder.learning_curve)
            self._finish_tracking(rows, result)
            self._folder.finish(result)
        return result

    def show(self, result: Result) -> None:
        """Show a finished run in a store that does not show all of it yet."""
        if not self._tracked.complete:
            rows = self._history.rows()
            if not self._tracked.go_on(rows):
                self._start_tracking(rows)
                self._finish_tracking(rows, result)

    def _take_up(self, dataset: Dataset) -> tuple[Module, Optimizer, Place]:
        """Build model and optimizer, as they were at the last checkpoint, and say where that is."""
        model, optimizer = self._build()
        plan = build_plan(self._config)
        path = self._folder.checkpoint
        try:
            place = load_checkpoint(path, model, optimizer, epochs=plan.epochs, steps=plan.steps(dataset))
            self._check_history(place, model)
        except FileNotFoundError:
            return model, optimizer, BEGINNING
        except ValueError as error:
            _log.warning("%s\nThe run begins anew.", error)
            return *self._build(), BEGINNING
        _log.info("run %s was stopped; going on after %s", self._folder.identity, place)
        return model, optimizer, place

    def _check_history(self, place: Place, model: Module) -> None:
        """Check that the history has the epochs a checkpoint has behind it, and the weights if they are an epoch's."""
        path, epochs = self._folder.history, place.epochs
        if len(self._written) < epochs:
            raise ValueError(f"{path} has {len(self._written)} epochs, but {epochs} are expected")
        if epochs and not place.batches and self._written[epochs - 1].weights_sha256 != weights_digest(model):
            raise ValueError(f"{self._folder.checkpoint} has other weights than {path} says of epoch {epochs}")

    def _build(self) -> tuple[Module, Optimizer]:
        model = build_model(self._config)
        return model, build_optimizer(self._config.optimizer, model)

    def _epochs(
        self,
        model: Module,
        optimizer: Optimizer,
        dataset: Dataset,
        place: Place,
        rows: list[Row],
        pause_after: int | None,
    ) -> str:
        """Train and record what is left after a place, adding to its rows; return the outcome."""
        plan = build_plan(self._config)
        last = min(pause_after or plan.epochs, plan.epochs)
        minutes = self._config.trainer.checkpoint_minutes
        results = train(
            model,
            optimizer,
            dataset,
            plan,
            start=place,
            places_s=inf if minutes is None else 60 * minutes,
            watch=self._watch(plan, dataset),
        )
        try:
            while len(rows) < last and self._stop_reason(rows) is None:
                result = next(results)
                if isinstance(result, EpochResult):
                    self._record(result, model, optimizer, rows)
                    _log.info(epoch_line(result, plan.epochs))
                else:
                    save_checkpoint(self._folder.checkpoint, model, optimizer, result)
        except DivergedError as error:
            _log.log(logging.INFO if self._in_sweep else logging.WARNING, "diverged: %s", error)
            return "diverged"
        if reason := self._stop_reason(rows):
            _log.info("stopped early %s", reason)
            return "completed"
        return "completed" if len(rows) == plan.epochs else PAUSED

    def _record(self, result: EpochResult, model: Module, optimizer: Optimizer, rows: list[Row]) -> None:
        """Add an epoch to the rows and the history; a row that is there already stays, if the same came out again."""
        row = Row(result.epoch, result.metrics, round(time.time() * 1000), weights_digest(model))
        written = self._written[len(rows)] if len(rows) < len(self._written) else None
        if written and (other := difference(written, row)):
            self._forget(len(rows), f"epoch {row.epoch} came out differently: {other}")
            written = None
        if not written:
            self._history.append(row)
            self._written.append(row)
        rows.append(written or row)
        save_checkpoint(self._folder.checkpoint, model, optimizer, Place(result.epoch))
        if not written:
            self._tracked.row(row)

    def _forget(self, epochs: int, why: str) -> None:
        """Cut the history after these epochs, and show what follows as another run: no step of one may come twice."""
        _log.warning(
            "%s\nWas the run computed with something else before? From there on its history is written anew.", why
        )
        self._written = self._history.keep(epochs)
        self._tracked.replace_rows(self._written)

    def _watch(self, plan: Plan, dataset: Dataset) -> Watch:
        """Shows how far an epoch is."""

        def watch(batches: Iterable[Batch], place: Place) -> Iterator[Batch]:
            label = f"epoch {place.epochs + 1}/{plan.epochs}"
            total = plan.steps(dataset)
            return progress(batches, total=total, label=label, done=place.batches, shown=not self._in_sweep)

        return watch

    def _stop_reason(self, rows: Sequence[Row]) -> str | None:
        """After which epoch training ends and why, where these rows are all and there could have been more."""
        trainer = self._config.trainer
        if trainer.patience is None or len(rows) == trainer.epochs:
            return None
        losses = [row.metrics["val/loss"] for row in rows]
        reason = stop_reason(losses, patience=trainer.patience, min_improvement=trainer.min_improvement)
        return f"after epoch {len(rows)} of {trainer.epochs}: {reason}" if reason else None

    def _show_network(self, network: Summary, *, log: bool) -> None:
        """Leave the table of layers in the folder, and in the log if asked for."""
        write_whole(self._folder.network, f"{network}\n")
        if log:
            for line in str(network).splitlines():
                _log.info("  %s", line)

    def _draw_augmentation(self, dataset: Dataset) -> None:
        """Show what augmentation does before it does it: one that destroys the images is seen at once."""
        plan = build_plan(self._config)
        if plan.augmentation is not None:
            epochs = min(_EPOCHS_DRAWN, plan.epochs)
            rows = examples(plan.augmentation, dataset.train.pixels, _IMAGES_DRAWN, seed=plan.seed, epochs=epochs)
            title = f"run {self._folder.identity}, augmentation {self._config.augmentation.name}"
            draw_augmentation(rows, dataset.scale, title, self._folder.augmentation)

    @contextmanager
    def _closed_if_stopped(self) -> Iterator[None]:
        """Leave no run RUNNING that isn't: record an interruption or a failure, then let it pass."""
        try:
            yield
        except KeyboardInterrupt:
            self._end_early("KILLED", "interrupted")
            _log.warning("interrupted; the same command goes on after the last epoch")
            raise
        except BaseException:  # recorded and raised again, whatever it is
            with suppress(OSError):  # the disk may be what failed
                write_whole(self._folder.failure, traceback.format_exc())
            if not self._tracked.is_begun:  # it failed before it was shown
                self._start_tracking([])
            self._end_early("FAILED", "failed")
            raise

    def _start_tracking(self, rows: Sequence[Row]) -> None:
        tags = {"identity": self._folder.identity, "code.sha256": code_digest(), **source_tags(), **self._own_tags}
        files = [self._folder.config, self._folder.environment, self._folder.source, self._folder.patch]
        self._tracked.begin(tags, leaves(self._shown()), rows, files)

    def _end_early(self, status: Status, outcome: str) -> None:
        files = [self._folder.environment, self._folder.failure, self._folder.history, self._folder.log]
        self._tracked.end(status, {"outcome": outcome}, {}, files)

    def _shown(self) -> dict[str, Any]:
        """The configuration as it may be shown: what opens the tracking server stays out of it."""
        tracking = replace(self._config.tracking, uri=public(self._config.tracking.uri))
        return asdict(replace(self._config, tracking=tracking))

    def _finish_tracking(self, rows: Sequence[Row], result: Result) -> None:
        folder = self._folder
        tags = {key: str(result[key]) for key in _TAGS}
        described = [folder.config, folder.environment, folder.source, folder.patch, folder.network, folder.history]
        files = [*described, folder.learning_curve, folder.augmentation, folder.log]
        self._tracked.end("FINISHED", tags, best(rows) if rows else {}, files)


def _needed(config: Config) -> frozenset[str]:
    """The metrics that decide what becomes of a run, so that a row without them is damaged."""
    return frozenset({"test/accuracy", *(("val/accuracy", "val/loss") if config.data.validation_fraction else ())})
