"""Whole networks, written a second time in PyTorch: the same names, results, gradients and running statistics."""

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from torch import nn

from cnn_core import Module, cnn_bn, lenet5, residual_net
from tests.core.arrays import normal
from tests.parity.compare import assert_same, both_dtypes, tensor
from tests.parity.modules import Residual

SHAPE, CLASSES = (2, 15, 14), 4


def named(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def mean() -> nn.Module:
    return named(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())


def torch_lenet5() -> nn.Module:
    return named(
        conv1=nn.Conv2d(2, 6, 5, padding=2),
        tanh1=nn.Tanh(),
        pool1=nn.AvgPool2d(2),
        conv2=nn.Conv2d(6, 16, 5),
        tanh2=nn.Tanh(),
        pool2=nn.AvgPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(16, 120),  # 15×14 → 7×7 → 3×3 → 1×1
        tanh3=nn.Tanh(),
        fc2=nn.Linear(120, 84),
        tanh4=nn.Tanh(),
        fc3=nn.Linear(84, CLASSES),
    )


def torch_cnn_bn() -> nn.Module:
    def stage(inputs: int, outputs: int) -> nn.Module:
        return named(
            conv1=nn.Conv2d(inputs, outputs, 5, padding="same", bias=False),
            norm1=nn.BatchNorm2d(outputs),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(outputs, outputs, 5, padding="same", bias=False),
            norm2=nn.BatchNorm2d(outputs),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
        )

    return named(stage1=stage(2, 6), stage2=stage(6, 8), mean=mean(), fc=nn.Linear(8, CLASSES))


def torch_residual_net() -> nn.Module:
    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        branch = named(
            conv1=nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            norm1=nn.BatchNorm2d(outputs),
            relu=nn.ReLU(),
            conv2=nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(outputs),
        )
        if stride == 1:
            return Residual(branch)
        conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        return Residual(branch, named(conv=conv, norm=nn.BatchNorm2d(outputs)))

    def stage(inputs: int, outputs: int, stride: int) -> nn.Module:
        first, second = block(inputs, outputs, stride), block(outputs, outputs, 1)
        return named(block1=first, relu1=nn.ReLU(), block2=second, relu2=nn.ReLU())

    stem = named(conv=nn.Conv2d(2, 6, 3, padding=1, bias=False), norm=nn.BatchNorm2d(6), relu=nn.ReLU())
    fc = nn.Linear(8, CLASSES)
    return named(stem=stem, stage1=stage(6, 6, 1), stage2=stage(6, 8, 2), mean=mean(), fc=fc)


def ours(family: str, dtype: npt.DTypeLike) -> Module:
    common: dict[str, Any] = {"rng": np.random.default_rng(1), "dtype": dtype}
    match family:
        case "lenet5":
            return lenet5(SHAPE, CLASSES, **common)
        case "cnn_bn":
            return cnn_bn(SHAPE, CLASSES, channels=[6, 8], blocks=2, kernel_size=5, **common)
        case _:
            return residual_net(SHAPE, CLASSES, channels=[6, 8], blocks=2, **common)


THEIRS = {"lenet5": torch_lenet5, "cnn_bn": torch_cnn_bn, "residual_net": torch_residual_net}


@both_dtypes
@pytest.mark.parametrize("family", THEIRS)
def test_network(family: str, dtype: npt.DTypeLike) -> None:
    net, reference = ours(family, dtype), THEIRS[family]().to(tensor(np.zeros(0, dtype)).dtype)
    state = {name: tensor(array) for name, array in net.state_dict().items()}
    counters = {name for name in reference.state_dict() if name.endswith("num_batches_tracked")}
    assert state.keys() == reference.state_dict().keys() - counters
    reference.load_state_dict(state, strict=False)
    x, dy = normal(2, 6, *SHAPE, dtype=dtype), normal(3, 6, CLASSES, dtype=dtype)

    t = tensor(x, requires_grad=True)
    expected = reference(t)
    expected.backward(tensor(dy))
    assert_same(net.forward(x), expected, "forward")
    assert t.grad is not None
    assert_same(net.backward(dy), t.grad, "gradient of the input")
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    for name, parameter in net.named_parameters():
        assert_same(parameter.grad, gradients[name], f"gradient of {name}")
    for name, array in net.state_dict().items():
        assert_same(array, reference.state_dict()[name], name)

    reference.eval()
    assert_same(net.evaluate().forward(x), reference(tensor(x)), "evaluation")
