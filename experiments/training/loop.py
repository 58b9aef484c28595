"""The training loop: a generator of one result an epoch. It writes nothing and knows of no tracker.

To stop early is to stop asking; to resume is to start at a later place, with the weights and the optimizer's state of
that place. It yields places within an epoch too, as often as it is asked to.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil, inf, isfinite

import numpy as np

from cnn_core import ConstantSchedule, CrossEntropyLoss, Module, Optimizer, Schedule, clip_gradient_norm
from experiments.data.dataset import Dataset, Images
from experiments.training.augmentation import Augment, Augmentation, augment_epoch
from experiments.training.batches import Batch, batches
from experiments.training.streams import stream


@dataclass(frozen=True)
class Place:
    """How far training is: after whole epochs, or between two batches of the next one.

    Args:
        epochs: that are over, with the evaluation at their end.
        batches: of the epoch after them that were learned from.
        loss: the sum of their images' losses.
        seconds: that they took.
    """

    epochs: int = 0
    batches: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"batch {self.batches} of epoch {self.epochs + 1}" if self.batches else f"epoch {self.epochs}"


BEGINNING = Place()
Watch = Callable[[Iterable[Batch], Place], Iterable[Batch]]


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

    def steps(self, dataset: Dataset) -> int:
        """How many batches an epoch has, and so steps."""
        return ceil(len(dataset.train) / self.batch_size)


class DivergedError(Exception):
    """The loss is no longer a finite number; a result of the settings, not a fault of the program."""


def train(
    model: Module,
    optimizer: Optimizer,
    dataset: Dataset,
    plan: Plan,
    *,
    start: Place = BEGINNING,
    places_s: float = inf,
    watch: Watch = lambda batches, _: batches,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[EpochResult | Place]:
    """Train epoch after epoch.

    The order of images in an epoch, and what augmentation makes of them, are functions of the seed and the epoch's
    number alone; what a forward pass draws is one of the seed, the epoch and the batch's number. What is measured after
    an epoch is never augmented. So all that follows a place is decided by the place, the weights and the optimizer's
    state there.

    Args:
        model: trained in place.
        optimizer: over the model's parameters. Its `lr` is the peak, which the schedule multiplies during an epoch.
        dataset: what to train and evaluate on.
        plan: how.
        start: what model and optimizer have behind them.
        places_s: seconds of training within an epoch after which the place is yielded.
        watch: wraps the batches of an epoch that come after a place, for a progress bar.
        clock: tells seconds and never goes back. What happens while the generator is at rest is not counted.

    Yields:
        After every epoch its result: `train/loss` (what is minimised: mean over the epoch's images as they were met,
        smoothed labels included), `train/lr` (of the epoch's last step), `train/accuracy` (after the epoch); `loss` and
        `accuracy` of `val/` and `test/`; `time/epoch_s` (training and evaluation), `time/images_per_s` (training
        alone), both with the seconds that the start has behind it. Within an epoch a place, after a whole batch.

    Raises:
        DivergedError: a loss is not finite.
    """
    place = start
    while place.epochs < plan.epochs:
        place = _train_on(model, optimizer, dataset, plan, place, places_s, watch, clock)
        if place.batches < plan.steps(dataset):
            yield place
            continue
        begun = clock()
        epoch = place.epochs + 1
        metrics = {
            "train/loss": place.loss / len(dataset.train),
            "train/lr": _learning_rate(optimizer.lr, plan, epoch, place.batches, plan.steps(dataset)),
            **_evaluations(model, dataset, plan),
        }
        if not all(map(isfinite, metrics.values())):
            raise DivergedError(f"the loss is no longer finite after epoch {epoch}")
        metrics["time/epoch_s"] = place.seconds + (clock() - begun)
        metrics["time/images_per_s"] = len(dataset.train) / place.seconds
        yield EpochResult(epoch, metrics)
        place = Place(epoch)


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


def _train_on(
    model: Module,
    optimizer: Optimizer,
    dataset: Dataset,
    plan: Plan,
    start: Place,
    places_s: float,
    watch: Watch,
    clock: Callable[[], float],
) -> Place:
    """Learn from the batches after a place, until the epoch or the time is over; return the place that is reached."""
    begun = clock()
    epoch, number, total = start.epochs + 1, start.batches, start.loss
    loss = CrossEntropyLoss(plan.label_smoothing)
    model.train()
    order = stream(plan.seed, "order", epoch).permutation(len(dataset.train))
    supply = batches(
        dataset.train,
        size=plan.batch_size,
        scale=dataset.scale,
        dtype=plan.dtype,
        order=order[start.batches * plan.batch_size :],
        augment=_augment(dataset.train, plan, epoch),
    )
    draws = model.draws()
    peak, steps = optimizer.lr, plan.steps(dataset)
    with _quiet(), _lr_put_back(optimizer):
        for number, (x, labels) in enumerate(watch(supply, start), start=start.batches + 1):
            if draws:
                model.draw_from(stream(plan.seed, "dropout", epoch, batch=number))
            batch_loss = loss.forward(model.forward(x), labels)
            if not isfinite(batch_loss):
                raise DivergedError(f"the loss is {batch_loss} in batch {number} of epoch {epoch}")
            model.parameter_gradients(loss.backward())
            if plan.clip_norm is not None:
                clip_gradient_norm(optimizer.parameters, plan.clip_norm)
            optimizer.lr = _learning_rate(peak, plan, epoch, number, steps)
            optimizer.step()
            total += batch_loss * len(labels)
            if clock() - begun >= places_s:
                break
    return replace(start, batches=number, loss=total, seconds=start.seconds + (clock() - begun))


def _learning_rate(peak: float, plan: Plan, epoch: int, batch: int, steps: int) -> float:
    """The learning rate of the step after a batch, a function of their numbers alone.

    Args:
        peak: what the schedule multiplies.
        plan: holds the schedule.
        epoch: from 1.
        batch: in the epoch, from 1.
        steps: an epoch.
    """
    step = (epoch - 1) * steps + batch - 1
    return peak * plan.schedule.factor(step, steps_per_epoch=steps, total_steps=plan.epochs * steps)


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
