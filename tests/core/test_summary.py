"""The summary: parameters and multiply-adds worked out by hand, shapes, names, and a network left as it was."""

import numpy as np
import pytest

from cnn_core import (
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Module,
    ReLU,
    Residual,
    Sequential,
    cnn_bn,
    lenet5,
    residual_net,
    simple_cnn,
    summary,
)
from tests.core.arrays import normal

IMAGE = (1, 28, 28)

# parameters and multiply-adds of every layer that has any, from its formula
ORIGINAL = {
    "conv1": (8 * 1 * 9 + 8, 8 * 1 * 9 * 28 * 28),
    "fc1": (6272 * 128 + 128, 6272 * 128),
    "fc2": (128 * 10 + 10, 128 * 10),
}
LENET5 = {
    "conv1": (6 * 1 * 25 + 6, 6 * 1 * 25 * 28 * 28),  # 28×28 again: padded by 2
    "conv2": (16 * 6 * 25 + 16, 16 * 6 * 25 * 10 * 10),  # 14 − 4
    "fc1": (400 * 120 + 120, 400 * 120),  # 16·5·5
    "fc2": (120 * 84 + 84, 120 * 84),
    "fc3": (84 * 10 + 10, 84 * 10),
}
CNN_BN = {
    "stage1.conv1": (4 * 1 * 9, 4 * 1 * 9 * 28 * 28),
    "stage1.norm1": (2 * 4, 0),
    "stage1.conv2": (4 * 4 * 9, 4 * 4 * 9 * 28 * 28),
    "stage1.norm2": (2 * 4, 0),
    "stage2.conv1": (6 * 4 * 9, 6 * 4 * 9 * 14 * 14),
    "stage2.norm1": (2 * 6, 0),
    "stage2.conv2": (6 * 6 * 9, 6 * 6 * 9 * 14 * 14),
    "stage2.norm2": (2 * 6, 0),
    "fc": (6 * 10 + 10, 6 * 10),
}
RESIDUAL = {
    "stem.conv": (4 * 1 * 9, 4 * 1 * 9 * 28 * 28),
    "stem.norm": (2 * 4, 0),
    "stage1.block1.branch.conv1": (4 * 4 * 9, 4 * 4 * 9 * 28 * 28),
    "stage1.block1.branch.norm1": (2 * 4, 0),
    "stage1.block1.branch.conv2": (4 * 4 * 9, 4 * 4 * 9 * 28 * 28),
    "stage1.block1.branch.norm2": (2 * 4, 0),
    "stage2.block1.branch.conv1": (6 * 4 * 9, 6 * 4 * 9 * 14 * 14),
    "stage2.block1.branch.norm1": (2 * 6, 0),
    "stage2.block1.branch.conv2": (6 * 6 * 9, 6 * 6 * 9 * 14 * 14),
    "stage2.block1.branch.norm2": (2 * 6, 0),
    "stage2.block1.shortcut.conv": (6 * 4 * 1, 6 * 4 * 1 * 14 * 14),
    "stage2.block1.shortcut.norm": (2 * 6, 0),
    "fc": (6 * 10 + 10, 6 * 10),
}
BY_HAND = {
    "simple_cnn": (simple_cnn(IMAGE, 10, rng=np.random.default_rng(0)), ORIGINAL),
    "lenet5": (lenet5(IMAGE, 10, rng=np.random.default_rng(0)), LENET5),
    "cnn_bn": (cnn_bn(IMAGE, 10, channels=[4, 6], blocks=2, dropout=0.5, rng=np.random.default_rng(0)), CNN_BN),
    "residual_net": (residual_net(IMAGE, 10, channels=[4, 6], rng=np.random.default_rng(0)), RESIDUAL),
}
every_model = pytest.mark.parametrize(("model", "expected"), BY_HAND.values(), ids=BY_HAND.keys())


@every_model
def test_parameters_and_multiply_adds_are_those_worked_out_by_hand(
    model: Module, expected: dict[str, tuple[int, int]]
) -> None:
    found = summary(model, IMAGE)
    costs = {layer.name: (layer.parameters, layer.multiply_adds) for layer in found.layers}
    assert {name: cost for name, cost in costs.items() if any(cost)} == expected
    assert found.parameters == sum(parameters for parameters, _ in expected.values())
    assert found.multiply_adds == sum(multiply_adds for _, multiply_adds in expected.values())


@every_model
def test_parameters_are_all_there_are(model: Module, expected: dict[str, tuple[int, int]]) -> None:
    assert summary(model, IMAGE).parameters == sum(parameter.value.size for parameter in model.parameters())
    assert {name.rpartition(".")[0] for name, _ in model.named_parameters()} == expected.keys()


def test_totals_published_for_the_two_classics() -> None:
    lenet, original = (summary(BY_HAND[name][0], IMAGE) for name in ("lenet5", "simple_cnn"))
    assert (lenet.parameters, lenet.multiply_adds) == (61_706, 416_520)
    assert (original.parameters, original.multiply_adds) == (804_314, 860_544)


def test_multiply_adds_of_a_convolution_with_stride_dilation_and_groups() -> None:
    conv = Conv2d(4, 6, (3, 2), stride=(2, 1), dilation=(1, 2), groups=2, rng=np.random.default_rng(0))
    (layer,) = summary(Sequential(conv=conv), (4, 9, 8)).layers
    assert layer.output_shape == (6, 4, 6)  # ⌊(9 − 3)/2⌋ + 1 and 8 − 2·1
    assert layer.multiply_adds == 6 * 4 * 6 * (2 * 3 * 2)  # each output sees 2 channels and 3×2 taps
    assert layer.parameters == 6 * 2 * 3 * 2 + 6


def test_layers_are_listed_as_an_image_meets_them_nested_ones_by_their_path() -> None:
    rng = np.random.default_rng(0)
    block = Residual(Sequential(norm=BatchNorm2d(2), relu=ReLU()), Conv2d(2, 2, 1, rng=rng))
    net = Sequential(block=block, mean=GlobalAvgPool2d(), drop=Dropout(0.5), fc=Linear(2, 3, rng=rng))
    assert [(layer.name, layer.kind, layer.output_shape) for layer in summary(net, (2, 5, 6)).layers] == [
        ("block.branch.norm", "BatchNorm2d", (2, 5, 6)),
        ("block.branch.relu", "ReLU", (2, 5, 6)),
        ("block.shortcut", "Conv2d", (2, 5, 6)),
        ("mean", "GlobalAvgPool2d", (2,)),
        ("drop", "Dropout", (2,)),
        ("fc", "Linear", (3,)),
    ]


def test_layer_that_uses_another_within_is_one_layer() -> None:
    net = Sequential(norm=BatchNormMaxPool2d(3, 2))
    (layer,) = summary(net, (3, 4, 6)).layers
    assert (layer.name, layer.output_shape, layer.parameters) == ("norm", (3, 2, 3), 6)


def test_layer_alone_is_named_by_its_kind() -> None:
    (layer,) = summary(Flatten(), (2, 3, 4)).layers
    assert (layer.name, layer.kind, layer.output_shape) == ("Flatten", "Flatten", (24,))


def test_text_is_a_table() -> None:
    rng = np.random.default_rng(0)
    net = Sequential(conv1=Conv2d(1, 10, 3, rng=rng), relu=ReLU(), flatten=Flatten(), fc=Linear(1440, 3, rng=rng))
    assert str(summary(net, (1, 14, 14))).splitlines() == [
        "layer    kind     output    parameters  multiply-adds",
        "conv1    Conv2d   10×12×12         100         12,960",
        "relu     ReLU     10×12×12           –              –",
        "flatten  Flatten  1440               –              –",
        "fc       Linear   3              4,323          4,320",
        "total                            4,423         17,280",
    ]


@pytest.mark.parametrize("training", [True, False])
def test_network_is_left_as_it_was(training: bool) -> None:
    net = residual_net((1, 8, 8), 3, channels=[2, 3], dropout=0.5, rng=np.random.default_rng(0), dtype=np.float64)
    net.draw_from(np.random.default_rng(1))
    net.forward(normal(1, 4, 1, 8, 8))
    (net.train if training else net.evaluate)()
    net.layers["stage1"].evaluate()  # a part of it frozen
    before, members = net.state_dict(), {name: set(vars(module)) for name, module in net.named_modules()}
    modes = {name: module.training for name, module in net.named_modules()}
    summary(net, (1, 8, 8))
    assert all(array.tobytes() == before[name].tobytes() for name, array in net.state_dict().items())
    assert {name: module.training for name, module in net.named_modules()} == modes
    assert {name: set(vars(module)) for name, module in net.named_modules()} == members


def test_image_that_does_not_fit_is_refused_and_the_network_left_as_it_was() -> None:
    net = lenet5(IMAGE, 10, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="needs"):
        summary(net, (3, 28, 28))
    assert net.training
    assert net.layers["conv1"].training
    assert all("forward" not in vars(module) for _, module in net.named_modules())
