"""Augmentation as training uses it: a function of seed, epoch and place in the training set, and of nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_core import SGD, Sequential, simple_cnn
from experiments.training.augmentation import Augmentation, augment_epoch, examples
from experiments.training.batches import Batch, batches
from experiments.training.loop import Place, Plan
from tests.core import naive_augmentation as naive
from tests.runner.training.data import dataset, images
from tests.runner.training.epochs import train

NOTHING = Augmentation(crop=1.0, shift=0, flip=False, cutout=0)
EVERYTHING = Augmentation(crop=0.6, shift=1, flip=True, cutout=2)
ONE_BY_ONE: dict[str, Any] = {"crop": 0.6, "shift": 1, "flip": True, "cutout": 2}
IMAGES = images(25, shape=(2, 5, 6))
PLAN = Plan(
    epochs=3,
    batch_size=10,
    evaluation_batch_size=4,
    train_accuracy_images=None,
    dtype="float64",
    seed=5,
    augmentation=EVERYTHING,
)


def augmented(augmentation: Augmentation, *, seed: int = 5, epoch: int = 1) -> np.ndarray:
    """All images as an epoch sees them, in their own order."""
    augment = augment_epoch(augmentation, IMAGES.pixels.shape, seed=seed, epoch=epoch)
    return augment(IMAGES.pixels, slice(None))


def network() -> Sequential:
    return simple_cnn((1, 4, 4), 3, channels=[2], hidden_size=6, rng=np.random.default_rng(0), dtype="float64")


def trained(plan: Plan, *, finished: Sequential | None = None, epochs: int = 0) -> tuple[Sequential, list[Any]]:
    """A network at the end, and what was measured; without momentum an optimizer has no state to take up."""
    model = finished or network()
    results = list(train(model, SGD(model.parameters(), lr=0.1), dataset(), plan, start=Place(epochs)))
    times = ("time/epoch_s", "time/images_per_s")
    return model, [{key: value for key, value in result.metrics.items() if key not in times} for result in results]


def weights(model: Sequential) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in model.state_dict().items()}


def test_steps_are_crop_then_shift_then_flip_then_cutout_each_with_its_own_chance() -> None:
    # Drawn here by NumPy alone: children 0 to 3 of the epoch's own child of the seed's sequence.
    crops, shifts, flips, cutouts = (
        np.random.default_rng(np.random.SeedSequence(5, spawn_key=(2, 1, number))) for number in range(4)
    )
    side = crops.uniform(0.6, 1, size=(25, 1))
    windows = np.concatenate([crops.uniform(size=(25, 2)) * (1 - side), side], axis=1)
    expected = naive.crop(IMAGES.pixels, windows)
    expected = naive.shift(expected, shifts.integers(-1, 2, size=(25, 2)))
    expected = naive.flip(expected, flips.integers(0, 2, size=25, dtype=bool))
    expected = naive.cutout(expected, cutouts.integers([5, 6], size=(25, 2)), 2)
    assert np.array_equal(augmented(EVERYTHING), expected)


def test_nothing_is_the_images_themselves() -> None:
    assert np.array_equal(augmented(NOTHING), IMAGES.pixels)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_each_transformation_can_stand_alone(name: str) -> None:
    alone = augmented(replace(NOTHING, **{name: ONE_BY_ONE[name]}))
    assert not np.array_equal(alone, IMAGES.pixels)
    assert not np.array_equal(alone, augmented(EVERYTHING))


@pytest.mark.parametrize("name", ["crop", "shift", "flip"])
def test_switching_one_on_changes_no_other_ones_chance(name: str) -> None:
    # The square comes last: where it lies can be read off whatever was done before it.
    other = replace(NOTHING, **{name: ONE_BY_ONE[name]})
    with_square = augmented(replace(other, cutout=2))
    alone = augmented(replace(NOTHING, cutout=2))
    black = (alone == 0).all(axis=1)
    assert not with_square.transpose(0, 2, 3, 1)[black].any()


def test_same_epoch_is_the_same_and_others_differ() -> None:
    assert np.array_equal(augmented(EVERYTHING), augmented(EVERYTHING))
    kinds = {augmented(EVERYTHING, seed=seed, epoch=epoch).tobytes() for seed in (5, 6) for epoch in (1, 2)}
    assert len(kinds) == 4


@given(size=st.integers(1, 30), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_neither_batch_size_nor_order_changes_an_image(size: int, seed: int) -> None:
    whole = augmented(EVERYTHING)
    order = np.random.default_rng(seed).permutation(25)
    augment = augment_epoch(EVERYTHING, IMAGES.pixels.shape, seed=5, epoch=1)
    made = batches(IMAGES, size=size, scale=1.0, dtype="float64", order=order, augment=augment)
    assert np.array_equal(np.concatenate([batch.x for batch in made]), whole[order])


def test_images_in_their_own_order_are_augmented_as_well() -> None:
    augment = augment_epoch(EVERYTHING, IMAGES.pixels.shape, seed=5, epoch=1)
    made = batches(IMAGES, size=7, scale=1.0, dtype="float64", augment=augment)
    assert np.array_equal(np.concatenate([batch.x for batch in made]), augmented(EVERYTHING))


def test_training_images_stay_as_they_are() -> None:
    before = IMAGES.pixels.tobytes()
    augmented(EVERYTHING)
    assert IMAGES.pixels.tobytes() == before


# In the loop


def test_every_epoch_learns_from_images_of_its_own() -> None:
    seen: dict[int, list[np.ndarray]] = {}

    def watch(supply: Iterable[Batch], place: Place) -> Iterator[Batch]:
        for batch in supply:
            seen.setdefault(place.epochs + 1, []).append(batch.x.copy())
            yield batch

    data, model = dataset(), network()
    list(train(model, SGD(model.parameters(), lr=0.1), data, PLAN, watch=watch))
    assert list(seen) == [1, 2, 3]
    for epoch, parts in seen.items():
        order = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(1, epoch))).permutation(25)
        augment = augment_epoch(EVERYTHING, data.train.pixels.shape, seed=5, epoch=epoch)
        expected = augment(data.train.pixels, slice(None))[order]
        assert np.concatenate(parts) == pytest.approx(expected / 255)


def test_what_is_measured_is_not_augmented() -> None:
    # An update rule so slow that nothing moves: all parts are measured with the first network's weights.
    measured = []
    for plan in (PLAN, replace(PLAN, augmentation=None)):
        model = network()
        data = dataset(validation=7)
        measured.append(next(train(model, SGD(model.parameters(), lr=1e-300), data, plan)).metrics)
    with_it, without = measured
    assert with_it["train/loss"] != without["train/loss"]
    for key in ("train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy"):
        assert with_it[key] == without[key], key


def test_augmentation_that_does_nothing_changes_no_bit() -> None:
    model, measured = trained(replace(PLAN, augmentation=NOTHING))
    without, measured_without = trained(replace(PLAN, augmentation=None))
    assert weights(model) == weights(without)
    assert measured == measured_without


def test_going_on_after_an_epoch_is_as_if_never_stopped() -> None:
    straight, measured = trained(PLAN)
    stopped, _ = trained(replace(PLAN, epochs=1))
    resumed, rest = trained(PLAN, finished=stopped, epochs=1)
    assert weights(resumed) == weights(straight)
    assert rest == measured[1:]
    assert weights(straight) != weights(trained(replace(PLAN, augmentation=None))[0])


# To be looked at


def test_examples_are_the_first_images_as_the_first_epochs_see_them() -> None:
    rows = examples(EVERYTHING, IMAGES.pixels, 4, seed=5, epochs=2)
    assert list(rows) == ["original", "epoch 1", "epoch 2"]
    assert np.array_equal(rows["original"], IMAGES.pixels[:4])
    for epoch in (1, 2):
        assert np.array_equal(rows[f"epoch {epoch}"], augmented(EVERYTHING, epoch=epoch)[:4])


def test_there_may_be_fewer_images_than_asked_for() -> None:
    assert {len(row) for row in examples(EVERYTHING, IMAGES.pixels, 40, seed=5, epochs=1).values()} == {25}
