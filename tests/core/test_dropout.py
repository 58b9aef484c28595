"""Dropout: what is dropped, when, and by whose chance."""

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import Dropout, Linear, Module, ReLU, Residual, Sequential
from tests.core.arrays import Array, normal


def drawn_from(module: Module, seed: int) -> Module:
    module.draw_from(np.random.default_rng(seed))
    return module


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_elements_are_dropped_at_the_rate_and_the_others_scaled_so_that_the_mean_stays(rate: float) -> None:
    count = 40_000
    y = drawn_from(Dropout(rate), seed=1).forward(np.full((count, 1), 3.0))
    assert set(np.unique(y)) <= {0.0, 3.0 * (1 / (1 - rate))}
    deviation = np.sqrt(rate * (1 - rate) / count)  # of the share of zeros
    assert abs((y == 0).mean() - rate) <= 4 * deviation


def test_gradient_passes_where_the_input_did() -> None:
    layer, x, dy = drawn_from(Dropout(0.4), seed=1), normal(1, 6, 3, 4, 5), normal(2, 6, 3, 4, 5)
    y, dx = layer.forward(x), layer.backward(dy)
    np.testing.assert_allclose(y, np.where(y == 0, 0, x / 0.6), rtol=1e-15)
    np.testing.assert_allclose(dx, np.where(y == 0, 0, dy / 0.6), rtol=1e-15)


def test_every_forward_pass_draws_anew() -> None:
    layer, x = drawn_from(Dropout(0.5), seed=1), np.ones((10, 10))
    assert (layer.forward(x) != layer.forward(x)).any()


def test_chance_is_the_generators_alone() -> None:
    x = np.ones((10, 10))
    first, same, other = (drawn_from(Dropout(0.5), seed).forward(x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("shape", [(8, 5), (8, 3, 4, 5)])
def test_same_elements_are_dropped_in_either_precision(shape: tuple[int, ...]) -> None:
    def dropped(dtype: npt.DTypeLike) -> Array:
        zeros: Array = drawn_from(Dropout(0.5), seed=1).forward(np.ones(shape, dtype)) == 0
        return zeros

    np.testing.assert_array_equal(dropped(np.float32), dropped(np.float64))


def test_evaluation_drops_nothing_and_needs_no_generator() -> None:
    x = normal(1, 5, 4)
    np.testing.assert_array_equal(Dropout(0.5).evaluate().forward(x), x)


def test_evaluation_takes_nothing_from_the_generator() -> None:
    layer, undisturbed, x = drawn_from(Dropout(0.5), seed=1), drawn_from(Dropout(0.5), seed=1), np.ones((4, 9))
    layer.evaluate().forward(x)
    np.testing.assert_array_equal(layer.train().forward(x), undisturbed.forward(x))


def test_generator_reaches_every_module_within_in_turn() -> None:
    inner = Residual(Sequential(drop=Dropout(0.5)), Dropout(0.5))
    y = drawn_from(Sequential(relu=ReLU(), inner=inner), seed=1).forward(np.ones((50, 50)))
    assert set(np.unique(y)) == {0.0, 2.0, 4.0}  # the two ways drop different elements


def test_module_knows_whether_anything_within_draws() -> None:
    fc = Linear(2, 2, rng=np.random.default_rng(0))
    assert not Sequential(fc=fc, relu=ReLU()).draws()
    assert Sequential(fc=fc, inner=Residual(Sequential(drop=Dropout(0.1)))).draws()
