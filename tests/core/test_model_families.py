"""LeNet-5, cnn_bn and the residual network: names, order, equivalences, and images that are too small."""

from typing import Any

import numpy as np
import pytest

from cnn_core import Dropout, Module, Residual, Sequential, cnn_bn, lenet5, residual_net, summary
from cnn_core.models.cnn_bn import cnn_bn_maps
from cnn_core.models.lenet5 import lenet5_features
from cnn_core.models.residual_net import residual_net_maps
from tests.core import naive
from tests.core.arrays import EXACT, distance, normal, randomize

FAMILIES = {"lenet5": lenet5, "cnn_bn": cnn_bn, "residual_net": residual_net}
every_family = pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES.keys())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def names(net: Module, shape: tuple[int, ...]) -> list[str]:
    """Of all layers, dotted."""
    return [layer.name for layer in summary(net, shape).layers]


def shapes(net: Sequential) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in net.state_dict().items()}


def test_lenet5_is_the_network_of_the_paper() -> None:
    net = lenet5((1, 28, 28), 10, rng=rng())
    assert list(net.layers) == [
        *["conv1", "tanh1", "pool1", "conv2", "tanh2", "pool2", "flatten"],
        *["fc1", "tanh3", "fc2", "tanh4", "fc3"],
    ]
    weights = {name: shape for name, shape in shapes(net).items() if name.endswith("weight")}
    assert weights == {
        "conv1.weight": (6, 1, 5, 5),
        "conv2.weight": (16, 6, 5, 5),
        "fc1.weight": (120, 400),
        "fc2.weight": (84, 120),
        "fc3.weight": (10, 84),
    }


@pytest.mark.parametrize(("height", "width", "features"), [(12, 12, 16), (13, 15, 16), (32, 28, 16 * 6 * 5)])
def test_lenet5_takes_images_of_other_sizes(height: int, width: int, features: int) -> None:
    net = lenet5((3, height, width), 4, rng=rng())
    assert lenet5_features((3, height, width)) == features == shapes(net)["fc1.weight"][1]
    assert net.forward(normal(1, 2, 3, height, width, dtype=np.float32)).shape == (2, 4)


@pytest.mark.parametrize(("height", "width"), [(11, 28), (28, 11), (8, 8)])
def test_lenet5_refuses_images_of_which_pooling_leaves_nothing(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"^LeNet-5 needs images of at least 12×12, got {height}×{width}$"):
        lenet5((1, height, width), 10, rng=rng())


def test_stages_of_cnn_bn_pool_before_their_last_relu() -> None:
    net = cnn_bn((1, 9, 8), 10, channels=[4, 6], blocks=2, dropout=0.1, rng=rng())
    first = ["conv1", "norm1", "relu1", "conv2", "norm2", "relu2"]
    stages = [f"{stage}.{layer}" for stage in ("stage1", "stage2") for layer in first]
    found = summary(net, (1, 9, 8)).layers
    assert names(net, (1, 9, 8)) == [*stages, "mean", "dropout", "fc"]
    assert [layer.output_shape for layer in found[3:6]] == [(4, 9, 8), (4, 4, 4), (4, 4, 4)]
    assert "stage1.conv1.bias" not in shapes(net)
    assert shapes(net)["stage2.conv1.weight"] == (6, 4, 3, 3)
    assert shapes(net)["stage2.norm2.running_var"] == (6,)
    assert shapes(net)["fc.weight"] == (10, 6)


def test_pooling_before_relu_is_the_same_function_as_behind_it() -> None:
    net = cnn_bn((2, 7, 6), 3, channels=[4], rng=rng(), dtype=np.float64)
    randomize(net, seed=1)
    state, x = net.state_dict(), normal(2, 5, 2, 7, 6)
    z = naive.conv_forward(x, state["stage1.conv1.weight"], np.zeros(4), (1, 1), (1, 1))
    mean, variance = (statistic(z, axis=(0, 2, 3), keepdims=True) for statistic in (np.mean, np.var))
    gamma, beta = (state[f"stage1.norm1.{name}"].reshape(1, 4, 1, 1) for name in ("weight", "bias"))
    maps = naive.relu_forward(gamma * (z - mean) / np.sqrt(variance + 1e-5) + beta)
    features = naive.max_pool_forward(maps, (2, 2), (2, 2)).mean(axis=(2, 3))
    expected = naive.linear_forward(features, state["fc.weight"], state["fc.bias"])
    assert distance(net.forward(x), expected) <= EXACT


@pytest.mark.parametrize("kernel_size", [1, 2, 5, 9])
def test_kernel_of_any_size_keeps_the_maps_size(kernel_size: int) -> None:
    net = cnn_bn((1, 5, 4), 3, channels=[2, 2], kernel_size=kernel_size, rng=rng())
    assert shapes(net)["stage2.conv1.weight"] == (2, 2, kernel_size, kernel_size)
    assert net.layers["stage1"].forward(normal(1, 3, 1, 5, 4, dtype=np.float32)).shape == (3, 2, 2, 2)


def test_residual_net_halves_images_and_widens_shortcuts_where_a_stage_begins() -> None:
    net = residual_net((1, 9, 8), 10, channels=[4, 6], blocks=2, dropout=0.1, rng=rng())
    branch = [f"branch.{layer}" for layer in ("conv1", "norm1", "relu", "conv2", "norm2")]
    shortcut = ["shortcut.conv", "shortcut.norm"]
    plain = [f"stage1.{name}" for b in "12" for name in (*(f"block{b}.{layer}" for layer in branch), f"relu{b}")]
    second = [f"stage2.block1.{layer}" for layer in (*branch, *shortcut)]
    third = [f"stage2.block2.{layer}" for layer in branch]
    expected = ["stem.conv", "stem.norm", "stem.relu", *plain, *second, "stage2.relu1", *third, "stage2.relu2"]
    assert names(net, (1, 9, 8)) == [*expected, "mean", "dropout", "fc"]
    x = net.layers["stem"].forward(normal(1, 2, 1, 9, 8, dtype=np.float32))
    assert net.layers["stage1"].forward(x).shape == (2, 4, 9, 8)
    assert net.layers["stage2"].forward(x).shape == (2, 6, 5, 4)
    assert shapes(net)["stage2.block1.shortcut.conv.weight"] == (6, 4, 1, 1)


def test_residual_block_whose_branch_is_silent_is_the_identity() -> None:
    net = residual_net((1, 4, 4), 3, channels=[2], rng=rng(), dtype=np.float64)
    block = net.layers["stage1"].children()["block1"]
    assert isinstance(block, Residual)
    for name, parameter in block.named_parameters():
        if "norm2" in name:
            parameter.value[...] = 0
    x = normal(1, 3, 2, 4, 4)
    np.testing.assert_array_equal(block.forward(x), x)


@pytest.mark.parametrize("build", [cnn_bn, residual_net])
def test_layer_that_would_drop_nothing_is_left_out(build: Any) -> None:
    assert not build((1, 8, 8), 3, channels=[2], dropout=0.0, rng=rng()).draws()
    drop = build((1, 8, 8), 3, channels=[2], dropout=0.25, rng=rng()).layers["dropout"]
    assert isinstance(drop, Dropout)
    assert drop.rate == 0.25


@every_family
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_all_parameters_and_statistics(build: Any, dtype: type[np.float32 | np.float64]) -> None:
    net = build((1, 14, 14), 3, rng=rng(), dtype=dtype)
    assert {array.dtype for array in net.state_dict().values()} == {np.dtype(dtype)}


@every_family
def test_generator_decides_all_first_weights(build: Any) -> None:
    first, same, other = (build((1, 14, 14), 3, rng=rng(seed)).state_dict() for seed in (1, 1, 2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, same[name])
        if array.ndim > 1:
            assert not np.array_equal(array, other[name])


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((1, 8, 8), [2] * 4, "^stage 4 of 4: pooling by 2 leaves nothing of 1×1$"),
        ((1, 28, 3), [2] * 2, "^stage 2 of 2: pooling by 2 leaves nothing of 14×1$"),
        ((1, 1, 28), [2], "^stage 1 of 1: pooling by 2 leaves nothing of 1×28$"),
        ((1, 8, 8), [], r"^channels must name at least one stage, got \[\]$"),
    ],
)
def test_cnn_bn_that_pools_an_image_to_nothing_is_refused(
    shape: tuple[int, int, int], channels: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cnn_bn(shape, 3, channels=channels, rng=rng())


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((1, 4, 4), [2] * 3, "^stage 3 of 3: one pixel is left, which has no variance$"),
        ((1, 1, 1), [2], "^stage 1 of 1: one pixel is left"),
        ((1, 8, 8), [], r"^channels must name at least one stage, got \[\]$"),
    ],
)
def test_residual_net_with_a_single_pixel_left_is_refused(
    shape: tuple[int, int, int], channels: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        residual_net(shape, 3, channels=channels, rng=rng())


@pytest.mark.parametrize(
    ("build", "shape", "stages"), [(cnn_bn, (1, 8, 11), 3), (residual_net, (1, 5, 4), 3), (residual_net, (1, 1, 2), 1)]
)
def test_smallest_image_that_fits_can_be_learned_from_alone(
    build: Any, shape: tuple[int, int, int], stages: int
) -> None:
    net = build(shape, 3, channels=[2] * stages, rng=rng())
    y = net.forward(normal(1, 1, *shape, dtype=np.float32))
    net.parameter_gradients(np.ones_like(y))
    assert np.isfinite(y).all()


@pytest.mark.parametrize(("maps", "expected"), [(cnn_bn_maps, (5, 2, 3)), (residual_net_maps, (5, 5, 7))])
def test_maps_promised_are_those_that_arrive(maps: Any, expected: tuple[int, int, int]) -> None:
    shape, channels = (1, 9, 13), [3, 5]
    assert maps(shape, channels=channels) == expected
    net = (cnn_bn if maps is cnn_bn_maps else residual_net)(shape, 4, channels=channels, rng=rng())
    layers = summary(net, shape).layers
    place = [layer.name for layer in layers].index("mean")
    assert layers[place - 1].output_shape == expected


@pytest.mark.parametrize("build", [cnn_bn, residual_net])
@pytest.mark.parametrize(("key", "value"), [("blocks", 0), ("channels", [0]), ("dropout", 1.0), ("dropout", -0.1)])
def test_number_that_cannot_be_is_refused(build: Any, key: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"got"):
        build((1, 8, 8), 3, **{"channels": [2], key: value}, rng=rng())
