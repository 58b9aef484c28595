"""The two layers in one against the two one after the other, which are held against loops elsewhere."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import BatchNorm2d, BatchNormMaxPool2d, MaxPool2d, Sequential, gradient_errors
from tests.core.arrays import EXACT, Array, distance, examples, normal

sides = st.integers(2, 9)
seeds = st.integers(0, 10**6)


def layers(channels: int, seed: int) -> tuple[BatchNormMaxPool2d, Sequential]:
    """The layer and the pair, with equal parameters, some of γ below 0."""
    one = BatchNormMaxPool2d(channels, 2, dtype=np.float64)
    pair = Sequential(norm=BatchNorm2d(channels, dtype=np.float64), pool=MaxPool2d(2))
    for norm in (one, pair.layers["norm"]):
        for number, parameter in enumerate(norm.parameters()):
            parameter.value[...] = normal(seed + number, channels)
    return one, pair


def images(shape: tuple[int, int, int, int], seed: int, mean: float) -> npt.NDArray[np.float64]:
    return normal(seed, *shape) + mean


@examples(60)
@given(st.tuples(st.integers(2, 5), st.integers(1, 4), sides, sides), seeds, st.sampled_from([0.0, 1.0, 100.0]))
def test_training_equals_normalising_then_pooling(shape: tuple[int, int, int, int], seed: int, mean: float) -> None:
    one, pair = layers(shape[1], seed)
    x = images(shape, seed, mean)
    y = pair.forward(x)
    assert distance(one.forward(x), y) <= EXACT * (1 + mean)
    dy = normal(seed + 9, *y.shape)
    assert distance(one.backward(dy), pair.backward(dy)) <= EXACT * (1 + mean)
    for own, expected in zip(one.parameters(), pair.parameters(), strict=True):
        assert distance(own.grad, expected.grad) <= EXACT * (1 + mean)
    for (_, own_state), (_, state) in zip(one.state_dict().items(), pair.state_dict().items(), strict=True):
        assert distance(own_state, state) <= EXACT * (1 + mean)


@examples(20)
@given(st.tuples(st.integers(1, 5), st.integers(1, 4), sides, sides), seeds)
def test_evaluation_equals_normalising_then_pooling(shape: tuple[int, int, int, int], seed: int) -> None:
    one, pair = layers(shape[1], seed)
    for layer in (one, pair):
        layer.forward(images((4, *shape[1:]), seed, 1.0))
        layer.evaluate()
    x = images(shape, seed + 1, 1.0)
    assert distance(one.forward(x), pair.forward(x)) <= EXACT


def test_gradients_are_those_of_the_complex_step() -> None:
    one, _ = layers(3, seed=4)
    one.weight.value[1] = -1.5
    errors = gradient_errors(one, images((3, 3, 5, 4), 5, 0.5), rng=np.random.default_rng(6))
    assert max(errors.values()) <= EXACT


def test_names_and_shapes_of_the_state_are_those_of_batch_norm() -> None:
    def shapes(state: dict[str, Array]) -> list[tuple[str, tuple[int, ...]]]:
        return [(name, array.shape) for name, array in state.items()]

    assert shapes(BatchNormMaxPool2d(3, 2).state_dict()) == shapes(BatchNorm2d(3).state_dict())
