"""Every backward pass against the complex step, over random shapes.

Inputs are normal, so that no ReLU sits at its kink and no pooling has a tie.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import (
    GELU,
    AvgPool2d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    complex_step_gradient,
    gradient_errors,
    lenet5,
    simple_cnn,
)
from tests.core.arrays import EXACT, Array, distance, examples, normal, randomize
from tests.core.cases import CASES
from tests.core.conv_cases import ConvCase, PoolCase, conv_cases, pool_cases

sizes = st.integers(1, 6)
seeds = st.integers(0, 10**6)


def assert_gradients_right(module: Module, x: Array) -> None:
    errors = gradient_errors(module, x, rng=np.random.default_rng(1))
    assert errors.keys() == {"input", *(name for name, _ in module.named_parameters())}
    assert max(errors.values()) <= EXACT


@examples(40)
@given(conv_cases())
def test_conv(case: ConvCase) -> None:
    assert_gradients_right(case.layer(), case.x())


@pytest.mark.parametrize("padding", [3, 4, (5, 0), (0, 7)])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_conv_whose_padding_is_as_wide_as_the_kernel_or_wider(padding: int | tuple[int, int], stride: int) -> None:
    layer = Conv2d(2, 2, 3, stride=stride, padding=padding, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(layer, seed=1)
    assert_gradients_right(layer, normal(2, 2, 2, 3, 4))


def test_conv_none_of_whose_windows_meets_the_image() -> None:
    layer = Conv2d(1, 1, 1, stride=20, padding=5, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(layer, seed=1)
    assert_gradients_right(layer, normal(2, 3, 1, 1, 1))


@examples(30)
@given(pool_cases())
def test_max_pool(case: PoolCase) -> None:
    assert_gradients_right(case.layer(), case.x())


@examples(30)
@given(pool_cases())
def test_avg_pool(case: PoolCase) -> None:
    assert_gradients_right(AvgPool2d(case.kernel, stride=case.stride), case.x())


@examples(20)
@given(count=sizes, inputs=sizes, outputs=sizes, seed=seeds)
def test_linear(count: int, inputs: int, outputs: int, seed: int) -> None:
    layer = Linear(inputs, outputs, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(layer, seed)
    assert_gradients_right(layer, normal(seed, count, inputs))


@examples(15)
@given(shape=st.lists(sizes, min_size=1, max_size=3), count=sizes, seed=seeds)
def test_relu_of_any_rank(shape: list[int], count: int, seed: int) -> None:
    assert_gradients_right(ReLU(), normal(seed, count, *shape))


@pytest.mark.parametrize(
    "layer",
    [LeakyReLU(), LeakyReLU(0.0), LeakyReLU(1.0), GELU(), Tanh(), Sigmoid(), Dropout(0.0), Dropout(0.5)],
    ids=lambda layer: type(layer).__name__,
)
@examples(10)
@given(shape=st.lists(sizes, min_size=1, max_size=3), count=sizes, seed=seeds)
def test_activation_of_any_rank(layer: Module, shape: list[int], count: int, seed: int) -> None:
    assert_gradients_right(layer, 3 * normal(seed, count, *shape))


@pytest.mark.parametrize(
    "name", ["residual", "residual with shortcut", "dropout between", "batch norm", "global average pool"]
)
def test_module_of_a_fixed_shape(name: str) -> None:
    assert_gradients_right(CASES[name].build(), CASES[name].x(seed=3, count=2))


@pytest.mark.parametrize("shortcut", [None, Tanh()])
def test_residual_within_residual(shortcut: Module | None) -> None:
    inner = Residual(Sequential(tanh=Tanh(), drop=Dropout(0.3)), shortcut)
    assert_gradients_right(Residual(Sequential(inner=inner, gelu=GELU())), normal(1, 3, 2, 4, 3))


@examples(15)
@given(shape=st.tuples(*[st.integers(1, 4)] * 4), seed=seeds)
def test_flatten(shape: tuple[int, ...], seed: int) -> None:
    assert_gradients_right(Flatten(), normal(seed, *shape))


@pytest.mark.parametrize("name", ["sequential", "simple_cnn", "cnn_bn", "residual_net"])
def test_sequential(name: str) -> None:
    assert_gradients_right(CASES[name].build(), CASES[name].x(seed=3, count=2))


def test_lenet5() -> None:
    net = lenet5((1, 12, 13), 3, rng=np.random.default_rng(0), dtype=np.float64)
    x = normal(2, 2, 1, 12, 13)
    few = net.layers["fc3"]  # a check of all 61,706 weights would take minutes
    assert_gradients_right(few, normal(3, 2, 84))
    g = normal(4, 2, 3)
    expected = complex_step_gradient(lambda moved: complex((g * net.forward(moved)).sum()), x)
    net.forward(x)
    assert distance(net.input_gradient(g), expected) <= EXACT


def test_simple_cnn_of_three_blocks_with_stride() -> None:
    net = simple_cnn((1, 9, 9), 3, channels=[2, 3, 2], stride=2, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(net, seed=1)
    assert_gradients_right(net, normal(2, 2, 1, 9, 9))


@examples(30)
@given(count=sizes, classes=sizes, smoothing=st.sampled_from([0.0, 0.1, 0.9]), seed=seeds)
def test_cross_entropy(count: int, classes: int, smoothing: float, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, count)
    logits = 3 * normal(seed, count, classes)
    loss = CrossEntropyLoss(smoothing)

    def mean(z: Array) -> complex:
        return complex(loss.forward(z, labels))

    expected = complex_step_gradient(mean, logits)
    loss.forward(logits, labels)
    assert distance(loss.backward(), expected) <= EXACT
