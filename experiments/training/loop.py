"""The training loop: a generator of one result an epoch. It writes nothing and knows of no tracker.

To stop early is to stop asking; to resume is to start after a later epoch, with the weights and the optimizer's state
of that epoch.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil, isfinite

import numpy as np

from cnn_core import ConstantSchedule, CrossEntropyLoss, Module, Optimizer, Schedule, clip_gradient_norm
from experiments.data.dataset import Dataset, Images
from experiments.training.augmentation import Augment, Augmentation, augment_epoch
from experiments.training.batches import Batch, batches
from experiments.training.streams import stream

Watch = Callable[[Iterable[Batch], int], Iterable[Batch]]


@dataclass(frozen=True)
class EpochResult:
    """The measurements of one epoch, numbered from 1."""

    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What the loop needs to know besides network, optimizer and images."""

    epochs: int
    batch_size: int
    evaluation_batch_size: int
    train_accuracy_images: int | None
    dtype: str
    seed: int
    augmentation: Augmentation | None = None
    schedule: Schedule = field(default_factory=ConstantSchedule)
    clip_norm: float | None = None
    label_smoothing: float = 0.0


class DivergedError(Exception):
    """The loss is no longer a finite number; a result of the settings, not a fault of the program."""


def train(
    model: Module,
    optimizer: Optimizer,
    dataset: Dataset,
    plan: Plan,
    *,
    finished_epochs: int = 0,
    watch: Watch = lambda batches, _: batches,
) -> Iterator[EpochResult]:
    """Train epoch after epoch.

    The order of images in an epoch, and what augmentation makes of them, are functions of the seed and the epoch's
    number alone; what a forward pass draws is one of the seed, the epoch and the batch's number. What is measured after
    an epoch is never augmented.

    Args:
        model: trained in place.
        optimizer: over the model's parameters. Its `lr` is the peak, which the schedule multiplies during an epoch.
        dataset: what to train and evaluate on.
        plan: how.
        finished_epochs: epochs that model and optimizer have behind them.
        watch: wraps an epoch's batches, for a progress bar.

    Yields:
        `train/loss` (what is minimised: mean over the epoch's images as they were met, smoothed labels included),
        `train/lr` (of the epoch's last step), `train/accuracy` (after the epoch); `loss` and `accuracy` of `val/` and
        `test/`; `time/epoch_s` (training and evaluation), `time/images_per_s` (training alone).

    Raises:
        DivergedError: a loss is not finite.
    """
    for epoch in range(finished_epochs + 1, plan.epochs + 1):
        begun = time.perf_counter()
        metrics = _train_epoch(model, optimizer, dataset, plan, epoch, watch)
        trained = time.perf_counter()
        metrics |= _evaluations(model, dataset, plan)
        if not all(map(isfinite, metrics.values())):
            raise DivergedError(f"the loss is no longer finite after epoch {epoch}")
        metrics["time/epoch_s"] = time.perf_counter() - begun
        metrics["time/images_per_s"] = len(dataset.train) / (trained - begun)
        yield EpochResult(epoch, metrics)


def evaluate(model: Module, images: Images, scale: float, plan: Plan) -> tuple[float, float]:
    """Mean loss and accuracy over all images, each image counting the same."""
    loss, total_loss, correct = CrossEntropyLoss(), 0.0, 0
    model.evaluate()
    with _quiet():
        for x, labels in batches(images, size=plan.evaluation_batch_size, scale=scale, dtype=plan.dtype):
            logits = model.forward(x)
            total_loss += loss.forward(logits, labels) * len(labels)
            correct += int((logits.argmax(axis=1) == labels).sum())
    return total_loss / len(images), correct / len(images)


def _train_epoch(
    model: Module, optimizer: Optimizer, dataset: Dataset, plan: Plan, epoch: int, watch: Watch
) -> dict[str, float]:
    loss, total = CrossEntropyLoss(plan.label_smoothing), 0.0
    model.train()
    order = stream(plan.seed, "order", epoch).permutation(len(dataset.train))
    supply = batches(
        dataset.train,
        size=plan.batch_size,
        scale=dataset.scale,
        dtype=plan.dtype,
        order=order,
        augment=_augment(dataset.train, plan, epoch),
    )
    draws = model.draws()
    rates = _learning_rates(optimizer.lr, len(dataset.train), plan, epoch)
    with _quiet(), _lr_put_back(optimizer):
        for number, (x, labels) in enumerate(watch(supply, epoch), start=1):
            if draws:
                model.draw_from(stream(plan.seed, "dropout", epoch, batch=number))
            batch_loss = loss.forward(model.forward(x), labels)
            if not isfinite(batch_loss):
                raise DivergedError(f"the loss is {batch_loss} in batch {number} of epoch {epoch}")
            model.parameter_gradients(loss.backward())
            if plan.clip_norm is not None:
                clip_gradient_norm(optimizer.parameters, plan.clip_norm)
            optimizer.lr = rates[number - 1]
            optimizer.step()
            total += batch_loss * len(labels)
    return {"train/loss": total / len(dataset.train), "train/lr": rates[-1]}


def _learning_rates(peak: float, images: int, plan: Plan, epoch: int) -> list[float]:
    """The learning rate of every step of an epoch, a function of its number alone."""
    steps = ceil(images / plan.batch_size)
    return [
        peak * plan.schedule.factor(step, steps_per_epoch=steps, total_steps=plan.epochs * steps)
        for step in range((epoch - 1) * steps, epoch * steps)
    ]


@contextmanager
def _lr_put_back(optimizer: Optimizer) -> Iterator[None]:
    """Leave the peak in place, however the epoch ends: it is what the next one starts from."""
    peak = optimizer.lr
    try:
        yield
    finally:
        optimizer.lr = peak


def _augment(images: Images, plan: Plan, epoch: int) -> Augment | None:
    if plan.augmentation is None:
        return None
    return augment_epoch(plan.augmentation, images.pixels.shape, seed=plan.seed, epoch=epoch)


def _quiet() -> np.errstate:
    """No warnings of overflow: divergence is noticed by the loss."""
    return np.errstate(over="ignore", invalid="ignore")


def _evaluations(model: Module, dataset: Dataset, plan: Plan) -> dict[str, float]:
    shown = plan.train_accuracy_images
    first_images = Images(dataset.train.pixels[:shown], dataset.train.labels[:shown])
    metrics = {"train/accuracy": evaluate(model, first_images, dataset.scale, plan)[1]}
    for name, images in (("val", dataset.validation), ("test", dataset.test)):
        if images is not None:
            metrics[f"{name}/loss"], metrics[f"{name}/accuracy"] = evaluate(model, images, dataset.scale, plan)
    return metrics
