"""Chance: named streams of one seed, without a state."""

import itertools

import numpy as np
import pytest

from experiments.training.streams import Stream, stream

# NumPy's own construction, written out: a child of the seed's sequence by (number of the name, epoch, perhaps batch).
NUMBERS: dict[Stream, int] = {"weights": 0, "order": 1, "augmentation": 2, "dropout": 3}


def draw(seed: int, name: Stream, epoch: int, batch: int | None = None) -> list[int]:
    return [int(number) for number in stream(seed, name, epoch, batch).integers(2**32, size=4)]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_stream_is_the_seeds_child_of_that_name_and_epoch(name: Stream, epoch: int) -> None:
    child = np.random.SeedSequence(42, spawn_key=(NUMBERS[name], epoch))
    assert draw(42, name, epoch) == np.random.Generator(np.random.PCG64(child)).integers(2**32, size=4).tolist()


@pytest.mark.parametrize("batch", [0, 1, 938])
def test_stream_of_a_batch_is_the_seeds_child_of_its_number_too(batch: int) -> None:
    child = np.random.SeedSequence(42, spawn_key=(3, 7, batch))
    assert draw(42, "dropout", 7, batch) == np.random.Generator(np.random.PCG64(child)).integers(2**32, size=4).tolist()


def test_streams_never_change() -> None:
    assert stream(0, "weights").bit_generator.random_raw(2).tolist() == [10424841047235941500, 17255695675875941810]
    assert stream(0, "order", 1).bit_generator.random_raw(2).tolist() == [10868409920998321208, 15116505700867678058]


def test_asking_again_begins_anew_whatever_was_asked_between() -> None:
    first = draw(0, "order", 2)
    stream(0, "order", 1).permutation(1000)
    stream(0, "weights").standard_normal(1000)
    assert draw(0, "order", 2) == first


def test_seeds_names_epochs_and_batches_all_differ() -> None:
    names: tuple[Stream, ...] = ("weights", "order", "augmentation", "dropout")
    drawn = [tuple(draw(*key)) for key in itertools.product((0, 1, 2), names, (0, 1, 2), (None, 0, 1, 2))]
    assert len(set(drawn)) == len(drawn)
