"""What is handed in is never changed, and what was handed out never changes, although memory is used again."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from cnn_core import Module
from tests.core.arrays import LAYOUTS, Array, normal
from tests.core.cases import Case, every_layer
from tests.core.conv_cases import ConvCase

CALLS = 8  # more than are ever kept of a shape


def dy_for(y: Array, seed: int) -> Array:
    return normal(seed, *y.shape, dtype=y.dtype)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@every_layer
def test_input_and_gradient_are_left_alone(case: Case, layout: Callable[[Array], Array]) -> None:
    layer, x = case.build(), layout(case.x(1))
    x_before = x.copy()
    x.flags.writeable = False
    y = layer.forward(x)
    dy = layout(dy_for(y, 2))
    dy_before = dy.copy()
    dy.flags.writeable = False
    layer.backward(dy)
    layer.forward(x)
    layer.parameter_gradients(dy)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


@every_layer
def test_values_of_parameters_are_left_alone(case: Case) -> None:
    layer = case.build()
    before = {name: parameter.value.tobytes() for name, parameter in layer.named_parameters()}
    layer.backward(dy_for(layer.forward(case.x(1)), 2))
    assert all(parameter.value.tobytes() == before[name] for name, parameter in layer.named_parameters())


@every_layer
def test_gradients_are_written_into_the_arrays_that_were_there_from_the_start(case: Case) -> None:
    layer = case.build()
    arrays = [parameter.grad for parameter in layer.parameters()]
    layer.backward(dy_for(layer.forward(case.x(1)), 2))
    assert all(parameter.grad is array for parameter, array in zip(layer.parameters(), arrays, strict=True))
    assert all(array.any() for array in arrays)


@every_layer
def test_results_kept_by_the_caller_never_change(case: Case) -> None:
    layer = case.build()
    kept: list[tuple[Array, Array]] = []
    for seed in range(CALLS):
        y = layer.forward(case.x(seed))
        dx = layer.backward(dy_for(y, 100 + seed))
        kept += [(y, y.copy()), (dx, dx.copy())]
        assert all(np.array_equal(array, before) for array, before in kept)


@every_layer
def test_view_of_a_result_never_changes(case: Case) -> None:
    layer = case.build()
    views = []
    for seed in range(CALLS):
        y = layer.forward(case.x(seed))
        dx = layer.backward(dy_for(y, 100 + seed))
        views += [(array[1:2].T, array[1:2].T.copy()) for array in (y, dx)]
        del y, dx
        assert all(np.array_equal(array, before) for array, before in views)


@every_layer
def test_gradient_given_back_twice_is_the_same(case: Case) -> None:
    layer, x = case.build(), case.x(1)
    dy = dy_for(layer.forward(x), 2)
    first = layer.backward(dy)
    before = first.copy()
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(dy), before)
    np.testing.assert_array_equal(first, before)


@every_layer
def test_evaluating_between_steps_does_not_disturb_training(case: Case) -> None:
    layer, undisturbed = case.build(), case.build()
    layer.forward(case.x(9, count=11))
    x = case.x(1)
    y = layer.forward(x)
    dx = layer.backward(dy_for(y, 2))
    np.testing.assert_array_equal(y, undisturbed.forward(x))
    np.testing.assert_array_equal(dx, undisturbed.backward(dy_for(y, 2)))


def assert_like_fresh(layer: Module, fresh: Module, x: Array) -> list[Array]:
    y = layer.forward(x)
    dy = dy_for(y, 3)
    dx = layer.backward(dy)
    np.testing.assert_array_equal(y, fresh.forward(x))
    np.testing.assert_array_equal(dx, fresh.backward(dy))
    for parameter, expected in zip(layer.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.grad, expected.grad)
    return [y, dx]


@pytest.mark.parametrize("hold", [False, True], ids=["results dropped", "results held"])
@every_layer
def test_alternating_batch_sizes_give_what_a_fresh_layer_gives(case: Case, hold: bool) -> None:
    layer, held = case.build(), []
    for seed, count in enumerate([64, 17, 64, 17, 1, 64, 64, 17]):
        results = assert_like_fresh(layer, case.build(), 10 * case.x(seed, count=count))
        if hold:
            held += results


@pytest.mark.parametrize("padding", [(1, 1), (2, 3), (4, 4)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_borders_of_padding_stay_zero_for_images_of_changing_size(
    padding: tuple[int, int], stride: tuple[int, int]
) -> None:
    def conv(height: int, width: int, seed: int) -> ConvCase:
        return ConvCase((4, 2, height, width), 3, (3, 2), stride, padding, seed)

    layer = conv(6, 8, seed=0).layer()
    # sides whose padded areas are equal, transposed or nested
    for seed, (height, width) in enumerate([(6, 8), (8, 6), (6, 8), (4, 12), (12, 4), (6, 8), (7, 7), (6, 8)]):
        assert_like_fresh(layer, conv(6, 8, seed=0).layer(), 10 * conv(height, width, seed).x())


@every_layer
def test_what_memory_held_before_is_never_seen(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    x = case.x(1)
    layer, poisoned = case.build(), case.build()
    y = layer.forward(x)
    dy = dy_for(y, 2)
    dx = layer.backward(dy)
    empty = np.empty

    def full_of_ones(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
        array: Array = empty(shape, dtype)
        array.fill(255)  # every byte: NaN as a float of any size, true as a truth value
        return array

    monkeypatch.setattr("cnn_core.buffers.np.empty", full_of_ones)
    np.testing.assert_array_equal(poisoned.forward(x), y)
    np.testing.assert_array_equal(poisoned.backward(dy), dx)
    for parameter, expected in zip(poisoned.parameters(), layer.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.grad, expected.grad)


@every_layer
def test_a_settled_training_step_allocates_less_than_one_result(case: Case) -> None:
    layer, x = case.build(), case.x(1, count=3000)  # results far larger than NumPy's own fixed buffers
    dy = dy_for(layer.forward(x), 2)
    for _ in range(CALLS):
        layer.forward(x)
        layer.backward(dy)
    tracemalloc.start()
    for _ in range(3):
        layer.forward(x)
        layer.backward(dy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < max(dy.nbytes, x.nbytes)
