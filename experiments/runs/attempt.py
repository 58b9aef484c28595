"""One attempt at a run: take up what an earlier one left, train epoch by epoch, record each, finish.

After an epoch comes the history first (the truth), then the checkpoint, then everything that only shows it. Stopped
anywhere, the next attempt goes on after the last checkpoint and ends with the same weights.
"""

import logging
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from math import ceil
from typing import Any

import yaml
from threadpoolctl import threadpool_limits

from cnn_core import Module, Optimizer, parallel
from experiments.config.leaves import leaves
from experiments.config.schema import Config, TrainerConfig
from experiments.data.dataset import Dataset
from experiments.files import write_json, write_whole
from experiments.pictures.learning_curve import draw_learning_curve
from experiments.recorders.history import History, Row
from experiments.recorders.tracked_run import TrackedRun
from experiments.recorders.tracker import public
from experiments.runs.folder import RunFolder
from experiments.runs.identity import code_digest
from experiments.terminal import progress
from experiments.training.batches import Batch
from experiments.training.build import build_dataset, build_model, build_optimizer
from experiments.training.checkpoint import load_checkpoint, save_checkpoint
from experiments.training.loop import DivergedError, EpochResult, Plan, train

_log = logging.getLogger(__name__)

Summary = dict[str, Any]


class Attempt:
    """One attempt. The folder is held for it: nobody else writes there."""

    def __init__(self, config: Config, folder: RunFolder, tracked: TrackedRun) -> None:
        self._config, self._folder, self._tracked = config, folder, tracked
        self._history = History(folder.history)

    def train(self) -> Summary:
        """Train to the end, and return what the marker then says."""
        write_whole(self._folder.config, yaml.safe_dump(self._shown(), sort_keys=False))
        with self._closed_if_stopped():
            model, optimizer, rows = self._take_up()
            self._start_tracking(rows)
            dataset = build_dataset(self._config.data, self._config.seed)
            data_digest = dataset.digest()
            self._tracked.log_tags({"data.sha256": data_digest})
            _log.info(_opening_line(self._folder, dataset, model))
            with _arithmetic(self._config.trainer):
                outcome = self._epochs(model, optimizer, dataset, rows)
            summary: Summary = {
                "identity": self._folder.identity,
                "outcome": outcome,
                "final": rows[-1].metrics | best(rows) if rows else {},
                "weights.sha256": weights_digest(model),
                "data.sha256": data_digest,
            }
            draw_learning_curve(rows, f"run {self._folder.identity} ({outcome})", self._folder.learning_curve)
            self._finish_tracking(rows, summary)
            self._folder.failure.unlink(missing_ok=True)
            write_json(self._folder.finished, summary)
        return summary

    def show(self, summary: Summary) -> None:
        """Show a finished run in a store that does not show all of it yet."""
        if not self._tracked.complete:
            rows = self._history.rows()
            self._start_tracking(rows)
            self._finish_tracking(rows, summary)

    def _take_up(self) -> tuple[Module, Optimizer, list[Row]]:
        """Build model and optimizer, as they were after the last checkpoint, with the epochs it has behind it."""
        model, optimizer = self._build()
        try:
            epoch = load_checkpoint(self._folder.checkpoint, model, optimizer)
            rows = self._history.keep(epoch)
        except FileNotFoundError:
            return model, optimizer, self._history.keep(0)
        except ValueError as error:
            _log.warning("%s\nThe run begins anew.", error)
            return *self._build(), self._history.keep(0)
        _log.info("run %s was stopped; going on after epoch %d", self._folder.identity, epoch)
        return model, optimizer, rows

    def _build(self) -> tuple[Module, Optimizer]:
        model = build_model(self._config)
        return model, build_optimizer(self._config.optimizer, model)

    def _epochs(self, model: Module, optimizer: Optimizer, dataset: Dataset, rows: list[Row]) -> str:
        """Train and record the epochs that are left, adding to the rows; return the outcome."""
        config = self._config
        plan = Plan(
            epochs=config.trainer.epochs,
            batch_size=config.data.batch_size,
            evaluation_batch_size=config.trainer.evaluation_batch_size,
            train_accuracy_images=config.trainer.train_accuracy_images,
            dtype=config.trainer.dtype,
            seed=config.seed,
        )

        def watch(batches: Iterable[Batch], epoch: int) -> Iterator[Batch]:
            total = ceil(len(dataset.train) / plan.batch_size)
            return progress(batches, total=total, label=f"epoch {epoch}/{plan.epochs}")

        try:
            for result in train(model, optimizer, dataset, plan, finished_epochs=len(rows), watch=watch):
                row = Row(result.epoch, result.metrics, round(time.time() * 1000), weights_digest(model))
                rows.append(row)
                self._history.append(row)
                save_checkpoint(self._folder.checkpoint, model, optimizer, result.epoch)
                self._tracked.log_row(row)
                _log.info(_epoch_line(result, plan.epochs))
        except DivergedError as error:
            _log.warning("diverged: %s", error)
            return "diverged"
        return "completed"

    @contextmanager
    def _closed_if_stopped(self) -> Iterator[None]:
        """Leave no run RUNNING that isn't: record an interruption or a failure, then let it pass."""
        try:
            yield
        except KeyboardInterrupt:
            self._tracked.finish("KILLED", {"outcome": "interrupted"}, [], [self._folder.log])
            _log.warning("interrupted; the same command goes on after the last epoch")
            raise
        except BaseException:  # recorded and raised again, whatever it is
            write_whole(self._folder.failure, traceback.format_exc())
            _log.debug("failed", exc_info=True)
            self._tracked.finish("FAILED", {"outcome": "failed"}, [], [self._folder.failure, self._folder.log])
            raise

    def _start_tracking(self, rows: Sequence[Row]) -> None:
        tags = {"identity": self._folder.identity, "code.sha256": code_digest()}
        self._tracked.start(tags, leaves(self._shown()), rows)

    def _shown(self) -> dict[str, Any]:
        """The configuration as it may be shown: what opens the tracking server stays out of it."""
        tracking = replace(self._config.tracking, uri=public(self._config.tracking.uri))
        return asdict(replace(self._config, tracking=tracking))

    def _finish_tracking(self, rows: Sequence[Row], summary: Summary) -> None:
        folder = self._folder
        last = [replace(rows[-1], metrics=best(rows))] if rows else []
        tags = {key: summary[key] for key in ("outcome", "weights.sha256", "data.sha256")}
        files = [folder.config, folder.history, folder.learning_curve, folder.log]
        self._tracked.finish("FINISHED", tags, last, files)


def best(rows: Sequence[Row]) -> dict[str, float]:
    """Test accuracy and number of the best epoch: by validation accuracy if there is one, else by test accuracy."""
    key = "val/accuracy" if "val/accuracy" in rows[0].metrics else "test/accuracy"
    row = max(rows, key=lambda row: row.metrics[key])  # the first of equals
    return {"best/test_accuracy": row.metrics["test/accuracy"], "best/epoch": row.epoch}


def weights_digest(model: Module) -> str:
    """SHA-256 over every parameter's name, dtype, shape and bytes."""
    digest = sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


@contextmanager
def _arithmetic(trainer: TrainerConfig) -> Iterator[None]:
    """BLAS on one thread, whose bits are the same everywhere; the threads are the layers' own."""
    threads = trainer.threads or len(os.sched_getaffinity(0))
    with threadpool_limits(1, user_api="blas"), parallel.threads(threads):
        yield


def _opening_line(folder: RunFolder, dataset: Dataset, model: Module) -> str:
    sizes = [f"{len(dataset.train):,} images to train on"]
    if dataset.validation is not None:
        sizes.append(f"{len(dataset.validation):,} to validate")
    sizes.append(f"{len(dataset.test):,} to test")
    count = sum(parameter.value.size for parameter in model.parameters())
    return f"run {folder.identity}: {dataset.name}, {', '.join(sizes)}; {count:,} parameters"


def _epoch_line(result: EpochResult, epochs: int) -> str:
    metrics = result.metrics
    validation = f"  val {metrics['val/accuracy']:.2%}" if "val/accuracy" in metrics else ""
    return (
        f"epoch {result.epoch}/{epochs}  loss {metrics['train/loss']:.4f}  train {metrics['train/accuracy']:.2%}"
        f"{validation}  test {metrics['test/accuracy']:.2%}  {metrics['time/epoch_s']:.1f} s"
    )
