"""Every layer beside PyTorch's, over random settings: result, gradient of the input and of every parameter."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnn_core import (
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Residual,
)
from tests.core.arrays import examples, normal, randomize
from tests.core.conv_cases import ConvCase, PoolCase, conv_cases, pool_cases
from tests.parity import modules
from tests.parity.compare import assert_same, assert_same_step, both_dtypes, load_values, tensor

seeds = st.integers(0, 10**6)
counts = st.integers(1, 4)
image_shapes = st.tuples(st.integers(1, 5), counts, st.integers(1, 7), st.integers(1, 7))  # (N, C, H, W)


def conv_beside(case: ConvCase, dtype: npt.DTypeLike) -> None:
    reference = nn.Conv2d(
        case.x_shape[1],
        case.out_channels,
        case.kernel,
        stride=case.stride,
        padding=case.padding,
        dilation=case.dilation,
        groups=case.groups,
        bias=case.bias,
    )
    layer = case.layer(dtype)
    load_values(reference, layer)
    assert_same_step(layer, reference, case.x(dtype), seed=case.seed + 2)


@both_dtypes
@examples(80)
@given(case=conv_cases(), bias=st.booleans())
def test_conv2d(case: ConvCase, bias: bool, dtype: npt.DTypeLike) -> None:
    conv_beside(replace(case, bias=bias), dtype)


@both_dtypes
@examples(30)
@given(case=conv_cases(), multiplier=st.integers(1, 3))
def test_conv2d_of_single_channels(case: ConvCase, multiplier: int, dtype: npt.DTypeLike) -> None:
    channels = case.x_shape[1]
    conv_beside(replace(case, groups=channels, out_channels=multiplier * channels), dtype)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # PyTorch copies its input then
@both_dtypes
@examples(40)
@given(
    shape=image_shapes,
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    dilation=st.tuples(counts, counts),
    bias=st.booleans(),
    seed=seeds,
)
def test_conv2d_that_keeps_the_size(
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    bias: bool,
    seed: int,
    dtype: npt.DTypeLike,
) -> None:
    rng = np.random.default_rng(seed)
    layer = Conv2d(shape[1], 3, kernel, padding="same", dilation=dilation, bias=bias, rng=rng, dtype=dtype)
    randomize(layer, seed)
    reference = nn.Conv2d(shape[1], 3, kernel, padding="same", dilation=dilation, bias=bias)
    load_values(reference, layer)
    assert_same_step(layer, reference, normal(seed, *shape, dtype=dtype))


@both_dtypes
@examples(10)
@given(channels=st.sampled_from([(16, 32), (24, 8)]), kernel=st.sampled_from([1, 3, 5]), seed=seeds)
def test_conv2d_of_many_channels(channels: tuple[int, int], kernel: int, seed: int, dtype: npt.DTypeLike) -> None:
    """Sums of hundreds of terms: the weights are as large as training makes them."""
    rng = np.random.default_rng(seed)
    layer = Conv2d(*channels, kernel, padding="same", rng=rng, dtype=dtype)
    reference = nn.Conv2d(*channels, kernel, padding="same")
    load_values(reference, layer)
    assert_same_step(layer, reference, normal(seed, 8, channels[0], 9, 10, dtype=dtype))


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@both_dtypes
@examples(60)
@given(case=pool_cases())
def test_max_pool2d(case: PoolCase, ties: bool, dtype: npt.DTypeLike) -> None:
    x = case.x_with_ties(dtype) if ties else case.x(dtype)
    layer, reference = MaxPool2d(case.kernel, stride=case.stride), nn.MaxPool2d(case.kernel, case.stride)
    assert_same_step(layer, reference, x, seed=case.seed + 1)


# A mean is rounded to its own last digit: the larger it is, the fewer digits of x − μ can be compared.
LARGE_MEAN = {np.float64: 1e4, np.float32: 30.0}

norm_settings = st.fixed_dictionaries(
    {"eps": st.sampled_from([1e-5, 1e-3]), "momentum": st.sampled_from([0.0, 0.1, 0.9, 1.0])}
)


@pytest.mark.parametrize("large_mean", [False, True], ids=["small mean", "large mean"])
@both_dtypes
@examples(30)
@given(shape=image_shapes, settings=norm_settings, seed=seeds)
def test_batch_norm2d(
    shape: tuple[int, int, int, int],
    settings: dict[str, float],
    seed: int,
    large_mean: bool,
    dtype: type[np.floating[Any]],
) -> None:
    n, channels, height, width = shape
    layer = BatchNorm2d(channels, **settings, dtype=dtype)
    randomize(layer, seed)
    reference = nn.BatchNorm2d(channels, **settings)
    load_values(reference, layer)
    mean = LARGE_MEAN[dtype] if large_mean else -0.5
    for batch in range(4):  # their sizes differ, as that of an epoch's last one does
        x = mean + 2 * normal(seed + batch, 3 + n + batch, channels, height, width)
        assert_same_step(layer, reference, x.astype(dtype), seed=seed + 10 + batch)
    x = (mean + normal(seed, *shape)).astype(dtype)
    assert_same(layer.evaluate()(x), reference.eval()(tensor(x)), "y in evaluation")


@both_dtypes
@examples(20)
@given(shape=image_shapes, seed=seeds)
def test_batch_norm2d_in_evaluation_uses_the_statistics_it_is_given(
    shape: tuple[int, int, int, int], seed: int, dtype: npt.DTypeLike
) -> None:
    layer = BatchNorm2d(shape[1], dtype=dtype)
    randomize(layer, seed)
    layer.running_mean.value[...] = normal(seed, shape[1])
    layer.running_var.value[...] = normal(seed + 1, shape[1]) ** 2
    reference = nn.BatchNorm2d(shape[1])
    load_values(reference, layer)
    x = normal(seed + 2, *shape, dtype=dtype)
    assert_same(layer.evaluate()(x), reference.eval()(tensor(x)))
    assert_same(layer.running_mean.value, reference.running_mean)
    assert_same(layer.running_var.value, reference.running_var)


@both_dtypes
@examples(60)
@given(case=pool_cases(), settings=norm_settings)
def test_batch_norm_max_pool2d(case: PoolCase, settings: dict[str, float], dtype: npt.DTypeLike) -> None:
    """Of windows side by side; half of γ is negative, where the smallest x has the largest result."""
    n, channels, height, width = case.x_shape
    layer = BatchNormMaxPool2d(channels, case.kernel, **settings, dtype=dtype)
    randomize(layer, case.seed)
    reference = modules.BatchNormMaxPool2d(channels, case.kernel, **settings)
    load_values(reference, layer)
    for batch in range(3):
        x = 1 + 2 * normal(case.seed + batch, 2 + n + batch, channels, height, width)
        assert_same_step(layer, reference, x.astype(dtype), seed=case.seed + 10 + batch)
    x = case.x(dtype)
    assert_same(layer.evaluate()(x), reference.eval()(tensor(x)), "y in evaluation")


@both_dtypes
@examples(20)
@given(shape=image_shapes, seed=seeds)
def test_global_avg_pool2d(shape: tuple[int, int, int, int], seed: int, dtype: npt.DTypeLike) -> None:
    reference = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert_same_step(GlobalAvgPool2d(), reference, normal(seed, *shape, dtype=dtype))


@both_dtypes
@examples(20)
@given(shape=image_shapes, seed=seeds)
def test_flatten(shape: tuple[int, int, int, int], seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_step(Flatten(), nn.Flatten(), normal(seed, *shape, dtype=dtype))


@both_dtypes
@examples(20)
@given(shape=st.one_of(image_shapes, st.tuples(counts, counts)), seed=seeds)
def test_relu(shape: tuple[int, ...], seed: int, dtype: npt.DTypeLike) -> None:
    x = normal(seed, *shape, dtype=dtype)
    x[np.abs(x) < 0.3] = 0  # there the derivative is a convention
    assert_same_step(ReLU(), nn.ReLU(), x)


@both_dtypes
@examples(40)
@given(count=st.integers(1, 20), features=st.tuples(st.integers(1, 60), st.integers(1, 30)), seed=seeds)
def test_linear(count: int, features: tuple[int, int], seed: int, dtype: npt.DTypeLike) -> None:
    layer = Linear(*features, rng=np.random.default_rng(0), dtype=dtype)
    randomize(layer, seed)
    reference = nn.Linear(*features)
    load_values(reference, layer)
    assert_same_step(layer, reference, normal(seed, count, features[0], dtype=dtype))


@both_dtypes
@examples(20)
@given(shape=st.one_of(image_shapes, st.tuples(counts, counts)), rate=st.sampled_from([0.0, 0.3, 0.9]), seed=seeds)
def test_dropout(shape: tuple[int, ...], rate: float, seed: int, dtype: npt.DTypeLike) -> None:
    """No two libraries drop the same: PyTorch is given what ours dropped of ones."""
    layer, x = Dropout(rate), normal(seed, *shape, dtype=dtype)
    layer.draw_from(np.random.default_rng(seed))
    kept = tensor(layer.forward(np.ones(shape, dtype)))
    assert set(kept.unique().tolist()) <= {0.0, float(np.asarray(1, dtype) * np.asarray(1 / (1 - rate), dtype))}
    layer.draw_from(np.random.default_rng(seed))
    assert_same_step(layer, modules.Times(kept), x)
    assert_same(layer.evaluate()(x), nn.Dropout(rate).eval()(tensor(x)), "y in evaluation")
    without = Dropout(0.0)
    without.draw_from(np.random.default_rng(seed))
    assert_same_step(without, nn.Dropout(0.0), x)


@both_dtypes
@examples(20)
@given(case=conv_cases(), seed=seeds)
def test_residual(case: ConvCase, seed: int, dtype: npt.DTypeLike) -> None:
    """Around a convolution, with no shortcut and with one of a single tap."""
    channels, x = case.x_shape[1], case.x(dtype)
    for shortcut in (False, True):
        rng = np.random.default_rng(seed)
        layer = Residual(
            Conv2d(channels, channels, 3, padding=1, rng=rng, dtype=dtype),
            Conv2d(channels, channels, 1, rng=rng, dtype=dtype) if shortcut else None,
        )
        randomize(layer, seed)
        around = nn.Conv2d(channels, channels, 1) if shortcut else None
        reference = modules.Residual(nn.Conv2d(channels, channels, 3, padding=1), around)
        load_values(reference, layer)
        assert_same_step(layer, reference, x)
