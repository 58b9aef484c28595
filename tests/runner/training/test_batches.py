"""Images as batches."""

import numpy as np
import pytest

from experiments.training.batches import batches
from tests.core.allocations import peak
from tests.runner.training.data import images


def test_last_batch_is_smaller_where_they_do_not_divide_evenly() -> None:
    assert [len(batch.labels) for batch in batches(images(25), size=10, scale=1.0, dtype="float32")] == [10, 10, 5]


@pytest.mark.parametrize(("count", "size", "sizes"), [(20, 10, [10, 10]), (3, 10, [3]), (3, 1, [1, 1, 1])])
def test_no_batch_is_empty_or_too_large(count: int, size: int, sizes: list[int]) -> None:
    assert [len(batch.x) for batch in batches(images(count), size=size, scale=1.0, dtype="float32")] == sizes


def test_without_an_order_images_come_as_they_lie() -> None:
    source = images(7)
    x = np.concatenate([batch.x for batch in batches(source, size=3, scale=1.0, dtype="float64")])
    assert np.array_equal(x, source.pixels)


def test_images_and_labels_come_in_the_order_asked_for() -> None:
    source, order = images(7), np.array([6, 0, 3, 5, 1, 4, 2])
    made = list(batches(source, size=3, scale=1.0, dtype="float64", order=order))
    expected = [[6, 0, 3], [5, 1, 4], [2]]
    for batch, indices in zip(made, expected, strict=True):
        for x, label, index in zip(batch.x, batch.labels, indices, strict=True):
            assert np.array_equal(x, source.pixels[index])
            assert label == source.labels[index]


def test_every_image_comes_once() -> None:
    source = images(50)
    order = np.random.default_rng(0).permutation(50)
    made = batches(source, size=8, scale=1.0, dtype="float64", order=order)
    seen = sorted(x.astype(np.uint8).tobytes() for batch in made for x in batch.x)
    assert seen == sorted(pixels.tobytes() for pixels in source.pixels)


def test_shape_is_images_channels_height_width() -> None:
    source = images(5, shape=(3, 6, 4))
    assert [batch.x.shape for batch in batches(source, size=4, scale=1.0, dtype="float32")] == [
        (4, 3, 6, 4),
        (1, 3, 6, 4),
    ]


def test_memory_has_the_batch_innermost() -> None:
    (batch,) = batches(images(5, shape=(3, 6, 4)), size=5, scale=1.0, dtype="float32")
    assert batch.x.transpose(2, 1, 3, 0).flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1 / 255, 1 / 16])
def test_pixels_are_scaled_in_the_type_asked_for(dtype: str, scale: float) -> None:
    source = images(4)
    (batch,) = batches(source, size=4, scale=scale, dtype=dtype)
    assert batch.x.dtype == np.dtype(dtype)
    assert batch.labels.dtype == np.int64
    for index in np.ndindex(source.pixels.shape):
        assert batch.x[index] == np.dtype(dtype).type(scale) * np.dtype(dtype).type(source.pixels[index])


@pytest.mark.parametrize("order", [None, np.array([2, 1, 0])])
def test_images_are_never_changed_or_shared(order: np.ndarray | None) -> None:
    source = images(3)
    before = source.pixels.tobytes(), source.labels.tobytes()
    for batch in batches(source, size=2, scale=1.0, dtype="float32", order=order):
        batch.x[...] = -1
        batch.labels[...] = -1
    assert (source.pixels.tobytes(), source.labels.tobytes()) == before


def test_memory_of_a_batch_is_used_again_once_nobody_holds_it() -> None:
    source, order = images(2000, shape=(1, 28, 28)), np.random.default_rng(0).permutation(2000)
    supply = batches(source, size=256, scale=1.0, dtype="float32", order=order)
    for _ in range(3):
        next(supply)
    assert peak(lambda: next(supply)) < 2**16  # a batch is 800 kB; NumPy converts it by the 32


def test_batch_that_somebody_holds_never_changes() -> None:
    source, order = images(40), np.random.default_rng(0).permutation(40)
    held = list(batches(source, size=4, scale=1.0, dtype="float32", order=order))
    assert np.array_equal(np.concatenate([batch.x for batch in held]), source.pixels[order])
