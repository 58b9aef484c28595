"""He-normal first weights, against theory; tolerances are four standard errors of the statistic."""

import math

import numpy as np
import pytest

from cnn_core import Conv2d, Linear, he_normal
from tests.core.arrays import Array


def draw(fan_in: int, seed: int = 0, dtype: type[np.float32] | type[np.float64] = np.float64) -> Array:
    return he_normal((400, 500), fan_in=fan_in, rng=np.random.default_rng(seed), dtype=dtype)


@pytest.mark.parametrize("fan_in", [1, 50, 6272])
def test_mean_is_zero_and_variance_two_over_fan_in(fan_in: int) -> None:
    w, std = draw(fan_in), math.sqrt(2 / fan_in)
    assert abs(w.mean()) <= 4 * std / math.sqrt(w.size)
    assert abs(w.std() - std) <= 4 * std / math.sqrt(2 * w.size)


@pytest.mark.parametrize("sigmas", [0.5, 1.0, 2.0, 3.0])
def test_shares_within_some_standard_deviations_are_normal(sigmas: float) -> None:
    expected = math.erf(sigmas / math.sqrt(2))
    share = (np.abs(draw(2)) < sigmas).mean()
    assert abs(share - expected) <= 4 * math.sqrt(expected * (1 - expected) / 200_000)


def test_single_and_double_precision_share_their_draws() -> None:
    np.testing.assert_array_equal(draw(50, dtype=np.float32), draw(50).astype(np.float32))


def test_generator_decides_the_draws() -> None:
    np.testing.assert_array_equal(draw(50, seed=3), draw(50, seed=3))
    assert not np.array_equal(draw(50, seed=3), draw(50, seed=4))


def test_generator_moves_on() -> None:
    rng = np.random.default_rng(0)
    first, second = (he_normal((5,), fan_in=2, rng=rng) for _ in range(2))
    assert not np.array_equal(first, second)


def test_single_precision_is_the_default() -> None:
    assert he_normal((2, 3), fan_in=3, rng=np.random.default_rng(0)).dtype == np.float32


def test_fan_in_of_a_convolution_is_its_channels_times_its_kernel() -> None:
    layer = Conv2d(4, 500, (5, 3), rng=np.random.default_rng(0), dtype=np.float64)
    expected = he_normal((500, 4, 5, 3), fan_in=60, rng=np.random.default_rng(0), dtype=np.float64)
    np.testing.assert_array_equal(layer.weight.value, expected)
    assert layer.bias is not None
    assert not layer.bias.value.any()


def test_fan_in_of_a_linear_layer_is_its_inputs() -> None:
    layer = Linear(60, 500, rng=np.random.default_rng(0), dtype=np.float64)
    expected = he_normal((500, 60), fan_in=60, rng=np.random.default_rng(0), dtype=np.float64)
    np.testing.assert_array_equal(layer.weight.value, expected)
    assert not layer.bias.value.any()
