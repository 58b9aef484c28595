"""Every layer against the loops of `naive`, over random shapes, dtypes and memory layouts."""

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import AvgPool2d, Flatten, Linear, MaxPool2d, ReLU
from tests.core import naive
from tests.core.arrays import EXACT, LAYOUTS, SINGLE, Array, distance, examples, normal, randomize
from tests.core.cases import Case, every_layer
from tests.core.conv_cases import ConvCase, PoolCase, conv_cases, pool_cases

sizes = st.integers(1, 12)
seeds = st.integers(0, 10**6)
both_dtypes = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, EXACT), (np.float32, SINGLE)])
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


def assert_conv_equals_loops(
    case: ConvCase, x: Array, *, tolerance: float = EXACT, layout: Callable[[Array], Array] = np.asarray
) -> None:
    layer = case.layer(x.dtype)
    assert layer.bias is not None
    w, geometry = layer.weight.value, (case.stride, case.padding, case.dilation, case.groups)
    y = naive.conv_forward(x, w, layer.bias.value, *geometry)
    assert distance(layer.forward(layout(x)), y) <= tolerance
    dy = normal(99, *y.shape, dtype=x.dtype)
    dx, dw, db = naive.conv_backward(x, w, dy, *geometry)
    assert distance(layer.backward(layout(dy)), dx) <= tolerance
    assert distance(layer.weight.grad, dw) <= tolerance
    assert distance(layer.bias.grad, db) <= tolerance


def assert_pool_equals_loops(case: PoolCase, x: Array, *, tolerance: float = EXACT) -> None:
    layer = case.layer()
    y = naive.max_pool_forward(x, case.kernel, case.stride)
    assert distance(layer.forward(x), y) == 0
    dy = normal(99, *y.shape, dtype=x.dtype)
    expected = naive.max_pool_backward(x, dy, case.kernel, case.stride)
    assert distance(layer.backward(dy), expected) <= tolerance  # overlapping windows are summed


def assert_linear_equals_loops(layer: Linear, x: Array, *, tolerance: float = EXACT) -> None:
    w, b = layer.weight.value, layer.bias.value
    y = naive.linear_forward(x, w, b)
    assert distance(layer.forward(x), y) <= tolerance
    dy = normal(99, *y.shape, dtype=x.dtype)
    dx, dw, db = naive.linear_backward(x, w, dy)
    assert distance(layer.backward(dy), dx) <= tolerance
    assert distance(layer.weight.grad, dw) <= tolerance
    assert distance(layer.bias.grad, db) <= tolerance


def linear(inputs: int, outputs: int, dtype: npt.DTypeLike = np.float64) -> Linear:
    layer = Linear(inputs, outputs, rng=np.random.default_rng(0), dtype=dtype)
    randomize(layer, seed=1)
    return layer


@both_dtypes
@examples(40)
@given(case=conv_cases())
def test_conv(case: ConvCase, dtype: npt.DTypeLike, tolerance: float) -> None:
    assert_conv_equals_loops(case, case.x(dtype), tolerance=tolerance)


@both_dtypes
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_conv_of_many_rows_and_images(stride: tuple[int, int], dtype: npt.DTypeLike, tolerance: float) -> None:
    # the columns of 25 rows, each 45 × 20·40 numbers: 7 MB in double precision, many times a block
    case = ConvCase((40, 3, 25, 20), 2, (5, 3), stride, (2, 1), seed=5)
    assert_conv_equals_loops(case, case.x(dtype), tolerance=tolerance)


@both_dtypes
@examples(40)
@given(case=pool_cases())
def test_max_pool(case: PoolCase, dtype: npt.DTypeLike, tolerance: float) -> None:
    assert_pool_equals_loops(case, case.x(dtype), tolerance=tolerance)


@both_dtypes
@examples(40)
@given(case=pool_cases())
def test_max_pool_gives_the_gradient_to_the_first_of_equals(
    case: PoolCase, dtype: npt.DTypeLike, tolerance: float
) -> None:
    assert_pool_equals_loops(case, case.x_with_ties(dtype), tolerance=tolerance)


def test_max_pool_of_a_constant_image_gives_the_gradient_to_the_corner_of_each_window() -> None:
    layer = MaxPool2d(2)
    layer.forward(np.zeros((1, 1, 4, 4)))
    dx = layer.backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert dx.tolist() == [[[[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]]]


def test_max_pool_steps_by_its_window_unless_told_otherwise() -> None:
    assert MaxPool2d((3, 2)).forward(np.zeros((1, 1, 9, 8))).shape == (1, 1, 3, 4)


@both_dtypes
@examples(40)
@given(case=pool_cases())
def test_avg_pool(case: PoolCase, dtype: npt.DTypeLike, tolerance: float) -> None:
    layer, x = AvgPool2d(case.kernel, stride=case.stride), case.x(dtype)
    y = naive.avg_pool_forward(x, case.kernel, case.stride)
    assert distance(layer.forward(x), y) <= tolerance
    dy = normal(99, *y.shape, dtype=dtype)
    expected = naive.avg_pool_backward(dy, x.shape, case.kernel, case.stride)
    assert distance(layer.backward(dy), expected) <= tolerance


def test_avg_pool_steps_by_its_window_unless_told_otherwise() -> None:
    assert AvgPool2d((3, 2)).forward(np.zeros((1, 1, 9, 8))).shape == (1, 1, 3, 4)


def test_avg_pool_shares_a_gradient_out_evenly_and_leaves_out_what_no_window_reaches() -> None:
    layer = AvgPool2d(2)
    layer.forward(np.zeros((1, 1, 3, 5)))
    dx = layer.backward(np.array([[[[4.0, 8.0]]]]))
    assert dx.tolist() == [[[[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 0]]]]


@both_dtypes
@examples(30)
@given(count=sizes, inputs=sizes, outputs=sizes, seed=seeds)
def test_linear(count: int, inputs: int, outputs: int, seed: int, dtype: npt.DTypeLike, tolerance: float) -> None:
    assert_linear_equals_loops(
        linear(inputs, outputs, dtype), normal(seed, count, inputs, dtype=dtype), tolerance=tolerance
    )


@both_dtypes
@pytest.mark.parametrize("outputs", [161, 3])
def test_linear_with_work_for_several_threads(outputs: int, dtype: npt.DTypeLike, tolerance: float) -> None:
    count = 40_000 // outputs  # 16 million multiply-adds
    assert_linear_equals_loops(linear(401, outputs, dtype), normal(3, count, 401, dtype=dtype), tolerance=tolerance)


@examples(30)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=seeds)
def test_relu(shape: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float64)  # many zeros
    dy = normal(seed, *shape)
    layer = ReLU()
    assert distance(layer.forward(x), naive.relu_forward(x)) == 0
    assert distance(layer.backward(dy), naive.relu_backward(x, dy)) == 0


@examples(20)
@given(shape=st.tuples(*[st.integers(1, 5)] * 4), seed=seeds)
def test_flatten(shape: tuple[int, int, int, int], seed: int) -> None:
    x, layer = normal(seed, *shape), Flatten()
    y = layer.forward(x)
    assert distance(y, naive.flatten_forward(x)) == 0
    dy = normal(seed + 1, *y.shape)
    assert distance(layer.backward(dy), naive.flatten_backward(dy, shape)) == 0


@every_layout
@every_layer
def test_memory_layout_of_the_input_does_not_change_a_bit_of_images(
    case: Case, layout: Callable[[Array], Array]
) -> None:
    x = case.x(seed=1)
    layer = case.build()
    expected = layer.forward(x).copy()
    y = layer.forward(layout(x))
    if x.ndim == 4:
        np.testing.assert_array_equal(y, expected)
    else:
        assert distance(y, expected) <= EXACT


@every_layout
@every_layer
def test_memory_layout_does_not_change_gradients(case: Case, layout: Callable[[Array], Array]) -> None:
    x = case.x(seed=1)
    layer = case.build()
    dy = normal(2, *layer.forward(x).shape)
    expected = [layer.backward(dy).copy(), *(parameter.grad.copy() for parameter in layer.parameters())]
    layer.forward(layout(x))
    found = [layer.backward(layout(dy)), *(parameter.grad for parameter in layer.parameters())]
    for gradient, e in zip(found, expected, strict=True):
        assert distance(gradient, e) <= EXACT


@every_layout
@pytest.mark.parametrize("kernel", [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_conv_of_sides_of_one(kernel: tuple[int, int], layout: Callable[[Array], Array]) -> None:
    """NumPy counts memory as contiguous whatever the stride along such a side is."""
    for n, channels, outputs, p, q in itertools.product((1, 2), repeat=5):
        x_shape = (n, channels, p + kernel[0] - 1, q + kernel[1] - 1)
        case = ConvCase(x_shape, outputs, kernel, (1, 1), (0, 0), seed=1)
        assert_conv_equals_loops(case, case.x(), layout=layout)


def test_images_broadcast_from_one_are_taken_as_equal() -> None:
    case = ConvCase((3, 2, 5, 6), 2, (3, 3), (1, 1), (1, 1), seed=1)
    x = np.broadcast_to(case.x()[:1], case.x_shape)  # all images in the same memory
    assert_conv_equals_loops(case, x)


@every_layer
def test_gradient_of_a_batch_replaces_that_of_the_last_one(case: Case) -> None:
    layer, fresh = case.build(), case.build()
    for seed in (1, 2):
        layer.backward(normal(seed, *layer.forward(case.x(seed)).shape))
    fresh.backward(normal(2, *fresh.forward(case.x(2)).shape))
    for parameter, expected in zip(layer.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.grad, expected.grad)


@every_layer
def test_parameter_gradients_alone_equal_those_of_the_whole_backward_pass(case: Case) -> None:
    layer, fresh = case.build(), case.build()
    dy = normal(2, *layer.forward(case.x(1)).shape)
    layer.parameter_gradients(dy)
    fresh.forward(case.x(1))
    fresh.backward(dy)
    for parameter, expected in zip(layer.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.grad, expected.grad)


@every_layer
def test_input_gradient_alone_equals_that_of_the_whole_backward_pass(case: Case) -> None:
    layer, x = case.build(), case.x(1)
    dy = normal(2, *layer.forward(x).shape)
    expected = layer.backward(dy).copy()
    layer.forward(x)
    for parameter in layer.parameters():
        parameter.grad[...] = 5
    np.testing.assert_array_equal(layer.input_gradient(dy), expected)
    assert all((parameter.grad == 5).all() for parameter in layer.parameters())


@every_layer
def test_calling_a_layer_is_its_forward_pass(case: Case) -> None:
    np.testing.assert_array_equal(case.build()(case.x(1)), case.build().forward(case.x(1)))


@both_dtypes
@every_layer
def test_dtype_in_is_dtype_out(case: Case, dtype: npt.DTypeLike, tolerance: float) -> None:
    layer = case.build(dtype)
    y = layer.forward(case.x(1, dtype=dtype))
    dx = layer.backward(normal(2, *y.shape, dtype=dtype))
    assert {y.dtype, dx.dtype} == {np.dtype(dtype)}
    assert {array.dtype for p in layer.parameters() for array in (p.value, p.grad)} <= {np.dtype(dtype)}
    exact = case.build().forward(case.x(1, dtype=dtype).astype(np.float64))
    assert distance(y, exact) <= tolerance


@every_layer
def test_gradient_of_the_input_has_its_shape(case: Case) -> None:
    layer = case.build()
    y = layer.forward(case.x(1, count=3))
    assert layer.backward(np.ones(y.shape)).shape == (3, *case.shape)
