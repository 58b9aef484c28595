"""The network built from numbers: names, shapes, order, chance, refusals."""

from typing import Any

import numpy as np
import pytest

from cnn_core import Sequential, simple_cnn
from cnn_core.models.simple_cnn import simple_cnn_features
from tests.core.arrays import normal


def build(
    input_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, seed: int = 0, **numbers: Any
) -> Sequential:
    return simple_cnn(input_shape, classes, rng=np.random.default_rng(seed), **numbers)


def shapes(net: Sequential) -> dict[str, tuple[int, ...]]:
    return {name: parameter.value.shape for name, parameter in net.named_parameters()}


def test_default_is_the_original_network() -> None:
    net = build()
    assert shapes(net) == {
        "conv1.weight": (8, 1, 3, 3),
        "conv1.bias": (8,),
        "fc1.weight": (128, 6272),
        "fc1.bias": (128,),
        "fc2.weight": (10, 128),
        "fc2.bias": (10,),
    }
    assert list(shapes(net)) == list(net.state_dict())
    assert sum(parameter.value.size for parameter in net.parameters()) == 804_314
    assert list(net.layers) == ["conv1", "relu1", "flatten", "fc1", "relu2", "fc2"]


def test_blocks_with_pooling() -> None:
    net = build((3, 10, 13), 7, channels=[4, 5], kernel_size=3, padding=1, pool=2, hidden_size=6)
    assert shapes(net) == {
        "conv1.weight": (4, 3, 3, 3),
        "conv1.bias": (4,),
        "conv2.weight": (5, 4, 3, 3),
        "conv2.bias": (5,),
        "fc1.weight": (6, 5 * 2 * 3),  # 10×13 → 5×6 → 2×3
        "fc1.bias": (6,),
        "fc2.weight": (7, 6),
        "fc2.bias": (7,),
    }
    expected = ["conv1", "pool1", "relu1", "conv2", "pool2", "relu2", "flatten", "fc1", "relu3", "fc2"]
    assert list(net.layers) == expected


def test_stride_and_padding_reach_every_convolution() -> None:
    net = build((1, 12, 12), 3, channels=[2, 2], kernel_size=2, stride=2, padding=3, hidden_size=4)
    assert shapes(net)["fc1.weight"] == (4, 2 * 7 * 7)  # (12 + 6 − 2)/2 + 1 = 9, (9 + 6 − 2)//2 + 1 = 7
    assert net.forward(normal(1, 5, 1, 12, 12, dtype=np.float32)).shape == (5, 3)


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_features_promised_are_features_that_arrive(pool: int) -> None:
    numbers: dict[str, Any] = {"channels": [3, 4], "kernel_size": 3, "stride": 1, "padding": 2, "pool": pool}
    net = build((2, 11, 9), 3, hidden_size=4, **numbers)
    assert shapes(net)["fc1.weight"] == (4, simple_cnn_features((2, 11, 9), **numbers))
    assert net.forward(normal(1, 2, 2, 11, 9, dtype=np.float32)).shape == (2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_all_parameters(dtype: type[np.float32] | type[np.float64]) -> None:
    assert {parameter.value.dtype for parameter in build(dtype=dtype).parameters()} == {np.dtype(dtype)}


def test_generator_decides_all_first_weights() -> None:
    first, same, other = (build(seed=seed).state_dict() for seed in (1, 1, 2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, same[name])
        if name.endswith("weight"):
            assert not np.array_equal(array, other[name])


def test_weights_are_drawn_from_the_input_on() -> None:
    narrow, wide = (build(hidden_size=size).state_dict() for size in (8, 16))
    np.testing.assert_array_equal(narrow["conv1.weight"], wide["conv1.weight"])
    np.testing.assert_array_equal(narrow["fc1.weight"], wide["fc1.weight"][:8])


def test_no_convolution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"channels must name at least one convolution, got \[\]"):
        build(channels=[])


def test_kernel_that_does_not_fit_is_refused_naming_its_block() -> None:
    with pytest.raises(ValueError, match=r"^block 3 of 4: a kernel of 5 does not fit into an input of 4 padded to 4$"):
        build((1, 12, 12), channels=[1, 1, 1, 1], kernel_size=5, padding=0)


def test_pooling_that_does_not_fit_is_refused_naming_its_block() -> None:
    with pytest.raises(ValueError, match=r"^block 2 of 2: a kernel of 3 does not fit into an input of 2 padded to 2$"):
        build((1, 8, 8), channels=[1, 1], pool=3)


@pytest.mark.parametrize("side", [(1, 28, 1), (1, 1, 28)])
def test_both_sides_of_an_image_must_hold_the_kernel(side: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="block 1 of 1: a kernel of 3 does not fit into an input of 1"):
        build(side, padding=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("channels", 0),
        ("kernel_size", 0),
        ("kernel_size", -1),
        ("stride", 0),
        ("stride", -1),
        ("padding", -1),
        ("pool", 0),
        ("pool", -1),
        ("hidden_size", 0),
        ("classes", 0),
    ],
)
def test_number_that_is_too_small_is_refused(key: str, value: int) -> None:
    numbers: dict[str, Any] = {key: [8, value] if key == "channels" else value}
    with pytest.raises(ValueError, match=rf"got.*(?<![-\d]){value}\b"):
        build(**numbers)
