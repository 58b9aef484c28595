"""Within an epoch: training tells where it is, and from every such place it goes on as if never stopped."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from cnn_core import Sequential
from experiments.config.schema import Config
from experiments.data.dataset import Dataset
from experiments.training.arithmetic import arithmetic
from experiments.training.batches import Batch
from experiments.training.build import build_dataset, build_model, build_optimizer, build_plan
from experiments.training.checkpoint import load_checkpoint, save_checkpoint, weights_digest
from experiments.training.loop import BEGINNING, EpochResult, Place, Watch, train
from tests.runner.configs import (
    adam,
    adamw,
    cnn_bn,
    cosine,
    lenet5,
    one_cycle,
    residual_net,
    rmsprop,
    sgd,
    shifts,
    small_config,
    step,
)

EPOCHS, BATCHES = 3, 4  # of 33 images by 10: the last batch has three

SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": sgd(momentum=0.0)},
    "momentum, in double precision": {"trainer__dtype": "float64", "optimizer": sgd(nesterov=True, weight_decay=0.01)},
    "rmsprop, constant after a warm-up": {
        "optimizer": rmsprop(),
        "schedule__warmup_epochs": 1.5,
    },
    "adam, one_cycle, clipped": {
        "optimizer": adam(clip_norm=0.1),
        "schedule": one_cycle(warmup_epochs=0.5),
    },
    "adamw, cosine, smoothed labels": {
        "optimizer": adamw(),
        "schedule": cosine(warmup_epochs=1.25),
        "trainer__label_smoothing": 0.1,
    },
    "augmentation, steps, validation": {
        "augmentation": shifts(crop=0.7, flip=True, cutout=2),
        "schedule": step(warmup_epochs=0.25),
        "data__validation_fraction": 0.25,
        "data__train_size": 44,
    },
    "lenet5": {"model": lenet5(), "data__height": 28, "data__width": 28, "optimizer": adam()},
    "cnn_bn, dropout": {"model": cnn_bn(channels=[2, 3], blocks=2, dropout=0.3), "augmentation": shifts()},
    "cnn_bn, dropout, in double precision": {"model": cnn_bn(dropout=0.5), "trainer__dtype": "float64"},
    "residual_net, dropout, all together": {
        "model": residual_net(channels=[2, 3], dropout=0.3),
        "augmentation": shifts(crop=0.7, flip=True, cutout=2),
        "optimizer": adamw(clip_norm=0.5),
        "schedule": one_cycle(warmup_epochs=0.5),
        "trainer__label_smoothing": 0.1,
    },
    "on two threads": {
        "trainer__threads": 2,
        "model": cnn_bn(channels=[8], dropout=0.3),
        "data__height": 40,
        "data__width": 40,
        "optimizer": adam(),
    },
}


class End(NamedTuple):
    """What came of training: the weights, and every epoch's metrics without the times."""

    weights: str
    metrics: dict[int, dict[str, float]]

    def after(self, epochs: int) -> "End":
        return End(self.weights, {epoch: values for epoch, values in self.metrics.items() if epoch > epochs})


def config_of(outputs: Path, settings: dict[str, Any]) -> Config:
    return small_config(outputs, **{"data__train_size": 33, "trainer__epochs": EPOCHS} | settings)


def trained(
    config: Config, dataset: Dataset, checkpoint: Path | None, to: Callable[[Place], Path] | None = None
) -> End:
    """Train on new objects, from a checkpoint if there is one; leave one at every place if asked for."""
    model, plan = build_model(config), build_plan(config)
    optimizer = build_optimizer(config.optimizer, model)
    start = BEGINNING
    if checkpoint is not None:
        start = load_checkpoint(checkpoint, model, optimizer, epochs=EPOCHS, steps=BATCHES)
    metrics = {}
    with arithmetic(config):
        for result in train(model, optimizer, dataset, plan, start=start, places_s=0.0 if to else inf):
            if isinstance(result, EpochResult):
                metrics[result.epoch] = {k: v for k, v in result.metrics.items() if not k.startswith("time/")}
            elif to:
                save_checkpoint(to(result), model, optimizer, result)
    return End(weights_digest(model), metrics)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_from_every_place_training_goes_on_as_if_never_stopped(settings: dict[str, Any], tmp_path: Path) -> None:
    config = config_of(tmp_path, settings)
    dataset = build_dataset(config.data, config.seed)
    undisturbed = trained(config, dataset, None)
    left: dict[tuple[int, int], Path] = {}

    def to(place: Place) -> Path:
        return left.setdefault((place.epochs, place.batches), tmp_path / f"{place}.npz")

    assert trained(config, dataset, None, to) == undisturbed
    assert list(left) == [(epochs, batches) for epochs in range(EPOCHS) for batches in range(1, BATCHES)]
    for (epochs, _), checkpoint in left.items():
        assert trained(config, dataset, checkpoint) == undisturbed.after(epochs)


def test_number_of_threads_may_change_on_the_way(tmp_path: Path) -> None:
    settings = SETTINGS["on two threads"]
    one, two = (config_of(tmp_path, settings | {"trainer__threads": threads}) for threads in (1, 2))
    dataset = build_dataset(one.data, one.seed)
    checkpoint = tmp_path / "checkpoint.npz"
    undisturbed = trained(one, dataset, None, lambda _: checkpoint)
    assert trained(two, dataset, checkpoint) == undisturbed.after(EPOCHS - 1)


class Course:
    """Training under a clock that goes on by a second whenever it is read."""

    def __init__(self, outputs: Path, *, watch: Watch = lambda batches, _: batches, **keywords: Any) -> None:
        config = config_of(outputs, {})
        self.model: Sequential = build_model(config)
        self.optimizer = build_optimizer(config.optimizer, self.model)
        dataset = build_dataset(config.data, config.seed)
        self._seconds = count()
        clock = keywords.pop("clock", self.read)
        self.results = train(
            self.model, self.optimizer, dataset, build_plan(config), watch=watch, clock=clock, **keywords
        )

    def read(self) -> float:
        return float(next(self._seconds))

    def places(self) -> list[tuple[int, int]]:
        """(epochs, batches) of every place there is."""
        return [(place.epochs, place.batches) for place in self.results if isinstance(place, Place)]


@pytest.mark.parametrize(
    ("seconds", "batches"), [(0.0, [1, 2, 3]), (1.0, [1, 2, 3]), (2.0, [2]), (3.0, [3]), (4.0, []), (inf, [])]
)
def test_place_is_told_when_the_time_is_over(seconds: float, batches: list[int], tmp_path: Path) -> None:
    # The clock is read at the beginning and after each batch, so a batch takes a second.
    expected = [(epochs, batch) for epochs in range(EPOCHS) for batch in batches]
    assert Course(tmp_path, places_s=seconds).places() == expected


def test_clock_is_read_once_a_batch(tmp_path: Path) -> None:
    course = Course(tmp_path)
    next(course.results)
    assert course.read() == BATCHES + 4  # and when the epoch begins and ends, and evaluation


def test_losses_and_seconds_of_the_parts_add_up_to_those_of_the_epoch(tmp_path: Path) -> None:
    whole = next(Course(tmp_path).results)
    course = Course(tmp_path, places_s=2.0)
    place = next(course.results)
    assert isinstance(place, Place)
    assert isinstance(whole, EpochResult)
    assert (place.batches, place.seconds) == (2, 3.0)
    for _ in range(100):
        course.read()  # what is done in between takes its time, which is not that of training
    result = next(course.results)
    assert isinstance(result, EpochResult)
    assert result.metrics["train/loss"] == whole.metrics["train/loss"]
    assert result.metrics["time/images_per_s"] == 33 / 6.0
    assert result.metrics["time/epoch_s"] == 7.0


def test_seconds_before_the_start_count(tmp_path: Path) -> None:
    course = Course(tmp_path, start=Place(0, 2, loss=40.0, seconds=1000.0))
    result = next(course.results)
    assert isinstance(result, EpochResult)
    assert result.metrics["time/images_per_s"] == 33 / 1003.0
    assert result.metrics["time/epoch_s"] == 1004.0


def test_at_a_place_nothing_is_set_that_a_batch_needs(tmp_path: Path) -> None:
    course = Course(tmp_path, places_s=0.0)
    peak = course.optimizer.lr
    place = next(course.results)
    assert isinstance(place, Place)
    assert course.optimizer.lr == peak
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.float32(3e38) * np.float32(10)


def test_watch_is_told_where_it_begins(tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []

    def watch(batches: Iterable[Batch], place: Place) -> Iterator[Batch]:
        for batch in batches:
            seen.append((place.epochs, place.batches, len(batch.labels)))
            yield batch

    Course(tmp_path, places_s=2.0, watch=watch).places()
    epoch = [(0, 10), (0, 10), (2, 10), (2, 3)]
    assert seen == [(epochs, *part) for epochs in range(EPOCHS) for part in epoch]


@pytest.mark.parametrize(
    ("place", "said"),
    [(Place(), "epoch 0"), (Place(3), "epoch 3"), (Place(3, 7, 1.5, 2.5), "batch 7 of epoch 4")],
)
def test_place_says_after_what_it_is(place: Place, said: str) -> None:
    assert str(place) == said
