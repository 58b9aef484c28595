"""Activations against Python's own functions, number by number, also where they saturate."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import GELU, LeakyReLU, Module, ReLU, Sigmoid, Tanh
from tests.core import naive
from tests.core.arrays import EXACT, SINGLE, distance, examples, normal

every_activation = pytest.mark.parametrize(
    ("layer", "function"),
    [
        (LeakyReLU(), partial(naive.leaky_relu, negative_slope=0.01)),
        (LeakyReLU(0.3), partial(naive.leaky_relu, negative_slope=0.3)),
        (GELU(), naive.gelu),
        (Tanh(), naive.tanh),
        (Sigmoid(), naive.sigmoid),
    ],
    ids=["leaky relu", "leaky relu of another slope", "gelu", "tanh", "sigmoid"],
)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, EXACT), (np.float32, SINGLE)])
@every_activation
@examples(20)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    scale=st.sampled_from([1e-3, 1.0, 10.0]),
    seed=st.integers(0, 10**6),
)
def test_activation(
    layer: Module,
    function: Callable[[float], tuple[float, float]],
    dtype: npt.DTypeLike,
    tolerance: float,
    shape: list[int],
    scale: float,
    seed: int,
) -> None:
    x, dy = (scale * normal(seed, *shape)).astype(dtype), normal(seed + 1, *shape, dtype=dtype)
    assert distance(layer.forward(x), naive.activation_forward(function, x)) <= tolerance
    assert distance(layer.backward(dy), naive.activation_backward(function, x, dy)) <= tolerance


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("layer", "ends"),
    [(Sigmoid(), (0.0, 1.0)), (Tanh(), (-1.0, 1.0)), (GELU(), (0.0, 1e4))],
    ids=["sigmoid", "tanh", "gelu"],
)
def test_far_out_nothing_overflows_and_nothing_changes_any_more(
    layer: Module, ends: tuple[float, float], dtype: npt.DTypeLike
) -> None:
    y = layer.forward(np.array([[-1e4, 1e4]], dtype))
    assert y.tolist() == [list(ends)]
    slope = 1.0 if isinstance(layer, GELU) else 0.0
    assert layer.backward(np.ones((1, 2), dtype)).tolist() == [[0.0, slope]]


def test_sigmoid_keeps_its_digits_far_below_zero() -> None:
    x = np.array([[-30.0, -300.0, -700.0]])
    np.testing.assert_allclose(Sigmoid().forward(x), np.exp(x), rtol=1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_derivative_of_leaky_relu_at_zero_is_its_slope(slope: float) -> None:
    layer = LeakyReLU(slope)
    assert layer.forward(np.array([[-2.0, 0.0, 3.0]])).tolist() == [[-2 * slope, 0, 3]]
    assert layer.backward(np.ones((1, 3))).tolist() == [[slope, slope, 1]]


def test_leaky_relu_of_slope_zero_is_relu() -> None:
    x, dy = normal(1, 4, 9), normal(2, 4, 9)
    leaky, relu = LeakyReLU(0.0), ReLU()
    np.testing.assert_array_equal(leaky.forward(x), relu.forward(x))
    np.testing.assert_array_equal(leaky.backward(dy), relu.backward(dy))


@pytest.mark.parametrize("layer", [GELU(), Tanh(), Sigmoid(), LeakyReLU()], ids=lambda layer: type(layer).__name__)
def test_nan_is_not_hidden(layer: Module) -> None:
    assert math.isnan(layer.forward(np.array([[math.nan]])).item())
