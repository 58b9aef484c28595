"""The transformations of images, against loops over pixels, and the chance that they are drawn from."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_core.augmentation.crop import crop, draw_windows
from cnn_core.augmentation.cutout import cutout, draw_centres
from cnn_core.augmentation.flip import draw_flags, flip
from cnn_core.augmentation.shift import draw_offsets, shift
from tests.core import naive_augmentation as naive
from tests.core.naive import Array

Shape = tuple[int, int, int, int]
SIDE = 2  # of the square in what follows


class Transformation(NamedTuple):
    """One transformation, its oracle, and its parameters for images of a shape."""

    apply: Callable[[Array, Array], Array]
    oracle: Callable[[Array, Array], Array]
    draw: Callable[[Shape, np.random.Generator], Array]


TRANSFORMATIONS = {
    "shift": Transformation(shift, naive.shift, lambda shape, rng: draw_offsets(shape[0], 2, rng=rng)),
    "flip": Transformation(flip, naive.flip, lambda shape, rng: draw_flags(shape[0], rng=rng)),
    "crop": Transformation(crop, naive.crop, lambda shape, rng: draw_windows(shape[0], 0.3, rng=rng)),
    "cutout": Transformation(
        lambda images, centres: cutout(images, centres, SIDE),
        lambda images, centres: naive.cutout(images, centres, SIDE),
        lambda shape, rng: draw_centres(shape[0], shape[2], shape[3], rng=rng),
    ),
}
each = pytest.mark.parametrize("transformation", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS)

shapes = st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**32)


def images(shape: Shape, rng: np.random.Generator) -> Array:
    """No pixel is 0, so that zeros that come in are seen."""
    return rng.integers(1, 256, size=shape, dtype=np.uint8)


# What all of them have in common


@each
@given(shape=shapes, seed=seeds)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_transformation_equals_the_loop_over_pixels(transformation: Transformation, shape: Shape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, parameters = images(shape, rng), transformation.draw(shape, rng)
    y = transformation.apply(x, parameters)
    assert y.dtype == np.uint8
    assert np.array_equal(y, transformation.oracle(x, parameters))


@each
@given(shape=shapes, seed=seeds, cut=st.integers(0, 4))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_image_is_transformed_by_itself(
    transformation: Transformation, shape: Shape, seed: int, cut: int
) -> None:
    rng = np.random.default_rng(seed)
    x, parameters = images(shape, rng), transformation.draw(shape, rng)
    parts = [transformation.apply(x[part], parameters[part]) for part in (slice(None, cut), slice(cut, None))]
    assert np.array_equal(np.concatenate(parts), transformation.apply(x, parameters))


@each
def test_what_is_given_is_neither_changed_nor_shared(transformation: Transformation) -> None:
    rng = np.random.default_rng(0)
    x = images((5, 2, 6, 6), rng)
    parameters = transformation.draw(x.shape, rng)
    before = x.tobytes(), parameters.tobytes()
    y = transformation.apply(x, parameters)
    assert not np.shares_memory(x, y)
    y[...] = 0
    assert (x.tobytes(), parameters.tobytes()) == before


@each
def test_images_need_not_lie_in_order(transformation: Transformation) -> None:
    rng = np.random.default_rng(0)
    x = images((6, 3, 5, 4), rng).transpose(1, 0, 3, 2)[:, ::-1]
    parameters = transformation.draw(x.shape, rng)
    assert np.array_equal(transformation.apply(x, parameters), transformation.apply(x.copy(), parameters))


@each
def test_parameters_are_the_generators_alone(transformation: Transformation) -> None:
    first, second, other = (transformation.draw((50, 1, 9, 7), rng) for rng in map(np.random.default_rng, (3, 3, 4)))
    assert first.tobytes() == second.tobytes() != other.tobytes()
    assert len(first) == 50


@each
@pytest.mark.parametrize("wrong", ["float images", "three dimensions", "one row too few", "longer rows"])
def test_what_does_not_fit_is_refused(transformation: Transformation, wrong: str) -> None:
    rng = np.random.default_rng(0)
    x = images((4, 1, 5, 5), rng)
    parameters = transformation.draw(x.shape, rng)
    match wrong:
        case "float images":
            x = x.astype(np.float32)
        case "three dimensions":
            x = x[:, 0]
        case "one row too few":
            parameters = parameters[:-1]
        case "longer rows":
            parameters = np.stack([parameters] * 4, axis=-1)
    with pytest.raises(ValueError, match=r"^images must be uint8|^4 images need parameters \(4,"):
        transformation.apply(x, parameters)


# Shift


def test_shift_moves_down_and_right_and_lets_zeros_in() -> None:
    x = np.arange(1, 10, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert shift(x, np.array([[1, 1]]))[0, 0].tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    assert shift(x, np.array([[-1, 0]]))[0, 0].tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    assert shift(x, np.array([[0, -2]]))[0, 0].tolist() == [[3, 0, 0], [6, 0, 0], [9, 0, 0]]


def test_shift_by_nothing_is_the_image() -> None:
    x = images((3, 2, 4, 5), np.random.default_rng(0))
    assert np.array_equal(shift(x, np.zeros((3, 2), int)), x)


def test_shift_beyond_the_image_leaves_nothing() -> None:
    x = images((2, 1, 3, 3), np.random.default_rng(0))
    assert not shift(x, np.array([[3, 0], [0, -7]])).any()


def test_every_offset_up_to_the_limit_is_drawn_equally_often() -> None:
    offsets = draw_offsets(20_000, 2, rng=np.random.default_rng(0))
    counts = Counter(map(tuple, offsets.tolist()))
    assert set(counts) == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}
    assert max(counts.values()) < 1.2 * min(counts.values())


# Flip


def test_flip_twice_is_the_image() -> None:
    rng = np.random.default_rng(0)
    x, flags = images((8, 3, 4, 5), rng), draw_flags(8, rng=rng)
    assert np.array_equal(flip(flip(x, flags), flags), x)
    assert not np.array_equal(flip(x, flags), x)


def test_half_of_the_images_are_flipped() -> None:
    flags = draw_flags(10_000, rng=np.random.default_rng(0))
    assert flags.dtype == bool
    assert 0.48 < flags.mean() < 0.52


# Crop


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (28, 28), (5, 3)])
def test_window_of_the_whole_image_is_the_image(size: tuple[int, int]) -> None:
    x = images((2, 3, *size), np.random.default_rng(0))
    assert np.array_equal(crop(x, np.array([[0.0, 0.0, 1.0]] * 2)), x)


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_crop_of_one_colour_is_that_colour(value: int) -> None:
    x = np.full((40, 2, 7, 9), value, np.uint8)
    assert np.array_equal(crop(x, draw_windows(40, 0.1, rng=np.random.default_rng(0))), x)


def test_crop_of_a_quarter_doubles_it() -> None:
    # Rows 2 and 3 at positions 1.75, 2.25, 2.75 and 3.25; the last is beyond the middle of row 3.
    x = np.repeat(np.array([0, 40, 80, 160], np.uint8), 4).reshape(1, 1, 4, 4)
    assert crop(x, np.array([[0.5, 0.0, 0.5]]))[0, 0].T.tolist() == [[70, 100, 140, 160]] * 4


def test_halves_are_rounded_upwards() -> None:
    # Positions ¼ and ¾ between 0 and 2, and between 0 and 6: 0.5 → 1, 1.5 → 2 and 4.5 → 5.
    x = np.array([[[[0, 2]]], [[[0, 6]]]], np.uint8)
    assert crop(x, np.array([[0.0, 0.25, 0.5]] * 2)).tolist() == [[[[1, 2]]], [[[2, 5]]]]


def test_windows_lie_in_the_image_and_are_no_smaller_than_asked_for() -> None:
    top, left, side = draw_windows(10_000, 0.6, rng=np.random.default_rng(0)).T
    assert 0.6 <= side.min() < 0.61
    assert 0.99 < side.max() <= 1
    assert min(top.min(), left.min()) >= 0
    assert max((top + side).max(), (left + side).max()) <= 1
    assert abs(np.corrcoef(top / (1 - side), left / (1 - side))[0, 1]) < 0.05


# Cutout


@pytest.mark.parametrize(("side", "rows"), [(0, []), (1, [2]), (2, [1, 2]), (3, [1, 2, 3]), (4, [0, 1, 2, 3])])
def test_square_lies_around_its_centre(side: int, rows: list[int]) -> None:
    x = np.ones((1, 1, 5, 5), np.uint8)
    black = cutout(x, np.array([[2, 2]]), side)[0, 0] == 0
    assert np.flatnonzero(black.any(axis=1)).tolist() == np.flatnonzero(black.any(axis=0)).tolist() == rows
    assert black.sum() == side**2


def test_square_takes_all_channels() -> None:
    y = cutout(images((1, 3, 4, 4), np.random.default_rng(0)), np.array([[1, 2]]), 2)
    assert not y[:, :, 0:2, 1:3].any()
    assert (y == 0).sum() == 3 * 4


def test_square_is_cut_off_at_the_corner_of_the_image() -> None:
    y = cutout(np.ones((2, 1, 6, 6), np.uint8), np.array([[0, 0], [5, 5]]), 4)
    assert [(image == 0).sum() for image in y] == [2 * 2, 3 * 3]


def test_every_pixel_is_a_centre_equally_often() -> None:
    counts = Counter(map(tuple, draw_centres(12_000, 3, 4, rng=np.random.default_rng(0)).tolist()))
    assert set(counts) == {(row, column) for row in range(3) for column in range(4)}
    assert max(counts.values()) < 1.2 * min(counts.values())
