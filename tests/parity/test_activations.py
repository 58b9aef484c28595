"""Activations and average pooling: results and gradients, over random shapes and scales."""

from collections.abc import Callable

import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from cnn_core import GELU, AvgPool2d, LeakyReLU, Module, ReLU, Residual, Sigmoid, Tanh
from tests.core.arrays import Array, examples, normal
from tests.core.conv_cases import PoolCase, pool_cases
from tests.parity.compare import assert_same, both_dtypes, tensor

Function = Callable[[torch.Tensor], torch.Tensor]

ACTIVATIONS: list[tuple[Module, Function]] = [
    (ReLU(), functional.relu),
    (LeakyReLU(), functional.leaky_relu),
    (LeakyReLU(0.3), lambda x: functional.leaky_relu(x, 0.3)),
    (GELU(), functional.gelu),
    (Tanh(), torch.tanh),
    (Sigmoid(), torch.sigmoid),
    (Residual(Tanh(), Sigmoid()), lambda x: torch.tanh(x) + torch.sigmoid(x)),
]


def assert_both_passes_same(layer: Module, function: Function, x: Array, seed: int) -> None:
    t = tensor(x, requires_grad=True)
    expected = function(t)
    assert_same(layer.forward(x), expected, "forward")
    dy = normal(seed, *expected.shape, dtype=x.dtype)
    expected.backward(tensor(dy))
    assert t.grad is not None
    assert_same(layer.backward(dy), t.grad, "backward")


@both_dtypes
@pytest.mark.parametrize(("layer", "function"), ACTIVATIONS, ids=lambda value: type(value).__name__)
@examples(20)
@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    zeros=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_activation(
    layer: Module, function: Function, shape: list[int], scale: float, zeros: bool, seed: int, dtype: npt.DTypeLike
) -> None:
    x = scale * normal(seed, *shape)
    if zeros:
        x[x < x.mean()] = 0  # the kinks
    assert_both_passes_same(layer, function, x.astype(dtype), seed + 1)


@both_dtypes
@examples(40)
@given(case=pool_cases())
def test_avg_pool(case: PoolCase, dtype: npt.DTypeLike) -> None:
    layer = AvgPool2d(case.kernel, case.stride)
    assert_both_passes_same(
        layer, lambda x: functional.avg_pool2d(x, case.kernel, case.stride), case.x(dtype), case.seed + 1
    )
