"""One attempt at a run: take up what an earlier one left, train epoch by epoch, record each, finish.

After an epoch comes the history first (the truth), then the checkpoint, then everything that only shows it. Stopped
anywhere, the next attempt goes on from the last checkpoint and ends with the same weights. Epochs that it trains again
must come out as the history says.
"""

import logging
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cnn_core import Module, Optimizer, Summary, summary
from cnn_core.state import save_state
from experiments.config.schema import Config
from experiments.data.dataset import Dataset
from experiments.files import write_whole
from experiments.runs.environment import record_environment
from experiments.runs.epochs import Epochs
from experiments.runs.folder import RunFolder
from experiments.runs.history import Row, best
from experiments.runs.lines import checkpoint_is_missing, epoch_line, opening_line, same_command
from experiments.runs.source import record_source
from experiments.runs.status import read_status, write_status
from experiments.store.uri import public
from experiments.terminal import progress
from experiments.training.arithmetic import arithmetic
from experiments.training.augmentation import examples
from experiments.training.batches import Batch
from experiments.training.build import build_dataset, build_model, build_optimizer, build_plan
from experiments.training.checkpoint import load_checkpoint, save_checkpoint, save_weights, weights_digest
from experiments.training.early_stopping import stop_reason
from experiments.training.loop import BEGINNING, DivergedError, EpochResult, Place, Plan, Watch, train

_log = logging.getLogger(__name__)

_IMAGES_DRAWN, _EPOCHS_DRAWN = 8, 3
PAUSED = "paused"  # an outcome that is none yet: the run is to be gone on with

Result = dict[str, Any]


class Attempt:
    """One attempt. The folder is held for it: nobody else writes there."""

    def __init__(self, config: Config, folder: RunFolder, *, in_sweep: bool) -> None:
        self._config, self._folder = config, folder
        self._in_sweep = in_sweep  # it has a display of its own, and says itself what came of each run
        self._epochs = Epochs(config, folder)

    def epochs(self) -> int:
        """How many epochs earlier attempts have recorded."""
        return len(self._epochs.recorded())

    def train(self, pause_after: int | None = None) -> Result:
        """Train to the end, and return what the marker then says; or to an epoch before, and leave no marker."""
        status = read_status(self._folder.path)
        if pause_after is not None and status is not None and status.outcome == PAUSED and self.epochs() >= pause_after:
            rows = self._epochs.recorded()
            return {"outcome": PAUSED, "final": rows[-1].metrics | best(rows), "stopped_early": None}
        write_status(self._folder.path, "running")
        with self._closed_if_stopped():
            write_whole(self._folder.config, yaml.safe_dump(_shown(self._config), sort_keys=False))
            kept = self.epochs() if self._folder.checkpoint.exists() else 0  # the others are computed again, here
            record_environment(self._folder.environment, self._config, kept)
            record_source(self._folder)
            self._folder.failure.unlink(missing_ok=True)
            return self._train(pause_after)

    def _train(self, pause_after: int | None) -> Result:
        self._epochs.take_up(self._config.trainer.epochs)
        dataset = build_dataset(self._config.data, self._config.seed, Path(self._config.outputs_dir, "cache"))
        model, optimizer, place = self._take_up(dataset)
        self._epochs.begin_after(place.epochs)
        facts = self._describe(dataset, model)
        with arithmetic(self._config):
            outcome = self._train_epochs(model, optimizer, dataset, place, pause_after)
        if outcome != PAUSED:
            self._epochs.end(outcome)
        rows = self._epochs.rows
        result: Result = {
            "identity": self._folder.identity,
            "outcome": outcome,
            "stopped_early": self._stop_reason(),
            "final": rows[-1].metrics | best(rows) if rows else {},
            "weights.sha256": weights_digest(model),
            **facts,
        }
        if outcome == PAUSED:
            write_status(self._folder.path, PAUSED)
        else:
            save_weights(self._folder.weights, model)
            self._folder.finish(result)
            if not self._config.trainer.keep_checkpoint:
                self._folder.remove_checkpoint()
        return result

    def _describe(self, dataset: Dataset, model: Module) -> dict[str, Any]:
        """Say what is trained on what, leave it in the folder, and return what is to be recorded of it."""
        network = summary(model, self._config.data.image_shape())
        facts = {
            "data.sha256": dataset.digest(),
            "model.parameters": network.parameters,
            "model.multiply_adds": network.multiply_adds,
        }
        write_status(self._folder.path, "running", facts)
        _log.info(opening_line(self._folder, dataset, network))
        self._show_network(network, log=not (self._in_sweep or self._epochs.rows))
        self._keep_augmented_images(dataset)
        return facts

    def _take_up(self, dataset: Dataset) -> tuple[Module, Optimizer, Place]:
        """Build model and optimizer, as they were at the last checkpoint, and say where that is."""
        model, optimizer = self._build()
        plan = build_plan(self._config)
        path = self._folder.checkpoint
        try:
            place = load_checkpoint(path, model, optimizer, epochs=plan.epochs, steps=plan.steps(dataset))
            self._check_history(place, model)
        except FileNotFoundError:
            if epochs := len(self._epochs.written):
                _log.warning(checkpoint_is_missing(self._folder, epochs))
            return model, optimizer, BEGINNING
        except ValueError as error:
            _log.warning("%s\nThe run begins anew.", error)
            return *self._build(), BEGINNING
        _log.info("run %s was stopped; going on after %s", self._folder.identity, place)
        return model, optimizer, place

    def _check_history(self, place: Place, model: Module) -> None:
        """Check that the history has the epochs a checkpoint has behind it, and the weights if they are an epoch's."""
        path, epochs, written = self._folder.history, place.epochs, self._epochs.written
        if len(written) < epochs:
            raise ValueError(f"{path} has {len(written)} epochs, but {epochs} are expected")
        if epochs and not place.batches and written[epochs - 1].weights_sha256 != weights_digest(model):
            raise ValueError(f"{self._folder.checkpoint} has other weights than {path} says of epoch {epochs}")

    def _build(self) -> tuple[Module, Optimizer]:
        model = build_model(self._config)
        return model, build_optimizer(self._config.optimizer, model)

    def _train_epochs(
        self, model: Module, optimizer: Optimizer, dataset: Dataset, place: Place, pause_after: int | None
    ) -> str:
        """Train and record what is left after a place; return the outcome."""
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
        rows = self._epochs.rows
        try:
            while len(rows) < last and self._stop_reason() is None:
                result = next(results)
                if isinstance(result, EpochResult):
                    self._record(result, model, optimizer)
                    _log.info(epoch_line(result, plan.epochs))
                else:
                    save_checkpoint(self._folder.checkpoint, model, optimizer, result)
        except DivergedError as error:
            _log.log(logging.INFO if self._in_sweep else logging.WARNING, "diverged: %s", error)
            return "diverged"
        if reason := self._stop_reason():
            _log.info("stopped early %s", reason)
            return "completed"
        return "completed" if len(rows) == plan.epochs else PAUSED

    def _record(self, result: EpochResult, model: Module, optimizer: Optimizer) -> None:
        row = Row(result.epoch, result.metrics, round(time.time() * 1000), weights_digest(model))
        self._epochs.add(row)
        save_checkpoint(self._folder.checkpoint, model, optimizer, Place(result.epoch))

    def _watch(self, plan: Plan, dataset: Dataset) -> Watch:
        """Shows how far an epoch is."""

        def watch(batches: Iterable[Batch], place: Place) -> Iterator[Batch]:
            label = f"epoch {place.epochs + 1}/{plan.epochs}"
            total = plan.steps(dataset)
            return progress(batches, total=total, label=label, done=place.batches, shown=not self._in_sweep)

        return watch

    def _stop_reason(self) -> str | None:
        """After which epoch training ends early and why, if the rows that there are say so."""
        trainer, rows = self._config.trainer, self._epochs.rows
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

    def _keep_augmented_images(self, dataset: Dataset) -> None:
        """Leave what a picture of the augmentation is drawn from: one that destroys the images is seen at once."""
        plan = build_plan(self._config)
        if plan.augmentation is not None:
            epochs = min(_EPOCHS_DRAWN, plan.epochs)
            rows = examples(plan.augmentation, dataset.train.pixels, _IMAGES_DRAWN, seed=plan.seed, epochs=epochs)
            save_state(self._folder.augmentation_images, {**rows, "scale": np.array(dataset.scale)})

    @contextmanager
    def _closed_if_stopped(self) -> Iterator[None]:
        """Leave no run RUNNING that isn't: record an interruption or a failure, then let it pass."""
        try:
            yield
        except KeyboardInterrupt:
            write_status(self._folder.path, "interrupted")
            goes_on = "goes on from the last checkpoint" if self._folder.checkpoint.exists() else "begins it again"
            _log.warning("interrupted; %s %s", same_command(self._config), goes_on)
            raise
        except BaseException:  # recorded and raised again, whatever it is
            with suppress(OSError):  # the disk may be what failed
                write_whole(self._folder.failure, traceback.format_exc())
                write_status(self._folder.path, "failed")
            raise


def _shown(config: Config) -> dict[str, Any]:
    """The configuration as it may be shown: what opens the tracking server stays out of it."""
    return asdict(replace(config, tracking=replace(config.tracking, uri=public(config.tracking.uri))))
