"""A branch and a shortcut: their sum, and what each gets back."""

import numpy as np
import pytest

from cnn_core import BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Residual, Sequential
from tests.core.arrays import EXACT, Array, distance, normal, randomize
from tests.core.cases import CASES


def linear(inputs: int, outputs: int, seed: int) -> Linear:
    layer = Linear(inputs, outputs, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(layer, seed)
    return layer


def gradients(module: Module) -> dict[str, Array]:
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def test_identity_is_added_to_the_branch() -> None:
    branch, x, dy = linear(4, 4, seed=1), normal(2, 5, 4), normal(3, 5, 4)
    w, b = branch.weight.value, branch.bias.value
    module = Residual(branch)
    assert distance(module.forward(x), x @ w.T + b + x) <= EXACT
    assert distance(module.backward(dy), dy @ w + dy) <= EXACT
    assert distance(branch.weight.grad, dy.T @ x) <= EXACT


def test_shortcut_is_added_to_the_branch() -> None:
    branch, shortcut, x, dy = linear(4, 3, seed=1), linear(4, 3, seed=2), normal(3, 5, 4), normal(4, 5, 3)
    module = Residual(branch, shortcut)
    expected = x @ (branch.weight.value + shortcut.weight.value).T + branch.bias.value + shortcut.bias.value
    assert distance(module.forward(x), expected) <= EXACT
    assert distance(module.backward(dy), dy @ (branch.weight.value + shortcut.weight.value)) <= EXACT
    assert distance(shortcut.weight.grad, dy.T @ x) <= EXACT


def test_results_that_layers_remember_are_not_written_over() -> None:
    # relu remembers its result, the identity's is the input, and flatten's gradient is a view of what it was given
    module = Residual(Sequential(relu=ReLU()), Sequential(inner=Residual(ReLU())))
    x = normal(1, 4, 3)
    y = module.forward(x)
    np.testing.assert_array_equal(y, np.where(x > 0, 3 * x, x))
    dy = normal(2, 4, 3)
    np.testing.assert_array_equal(module.backward(dy), np.where(x > 0, dy + (dy + dy), dy))
    flat, image = Residual(Flatten(), Flatten()), normal(3, 2, 2, 3, 4)
    np.testing.assert_array_equal(flat.forward(image), 2 * image.reshape(2, -1))
    np.testing.assert_array_equal(flat.backward(image.reshape(2, -1)), 2 * image)


def test_members_are_named_by_their_way() -> None:
    module = Residual(Sequential(fc=linear(2, 2, seed=1)), linear(2, 2, seed=2))
    assert list(gradients(module)) == ["branch.fc.weight", "branch.fc.bias", "shortcut.weight", "shortcut.bias"]
    assert list(module.children()) == ["branch", "shortcut"]
    assert list(Residual(ReLU()).children()) == ["branch"]


def test_statistics_within_are_followed_in_training_alone() -> None:
    norm = BatchNorm2d(2, dtype=np.float64)
    module = Residual(Sequential(norm=norm))
    module.evaluate().forward(normal(1, 3, 2, 4, 4))
    assert norm.running_mean.value.tolist() == [0, 0]
    module.train().forward(normal(1, 3, 2, 4, 4))
    assert norm.running_mean.value.all()


@pytest.mark.parametrize("name", ["residual", "residual with shortcut"])
def test_memory_is_one_pool(name: str) -> None:
    module = Sequential(block=CASES[name].build())
    conv = next(m for m in _within(module) if isinstance(m, Conv2d))
    assert conv.buffers is module.buffers


def _within(module: Module) -> list[Module]:
    return [module, *(inner for child in module.children().values() for inner in _within(child))]
