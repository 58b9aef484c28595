"""An epoch of stochastic gradient descent, beside the same epoch in loops; and that every layer learns.

The original script's fully connected layers never learned, because their gradients were written into new arrays.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from cnn_core import SGD, Adam, Conv2d, CrossEntropyLoss, Flatten, Linear, Module, ReLU, Sequential, simple_cnn
from tests.core import naive
from tests.core.arrays import Array, normal

Weights = dict[str, Array]


@dataclass
class NaiveNet:
    """Blocks of conv → ReLU → pool, then fc1 → ReLU → fc2, with its own copy of the weights, in loops."""

    weights: Weights
    convolutions: int
    padding: int
    pool: int
    _inputs: dict[str, Array] = field(default_factory=dict)

    def forward(self, x: Array) -> Array:
        inputs, w = self._inputs, self.weights
        for k in range(1, self.convolutions + 1):
            inputs[f"conv{k}"] = x
            y = naive.conv_forward(x, w[f"conv{k}.weight"], w[f"conv{k}.bias"], (1, 1), (self.padding,) * 2)
            inputs[f"relu{k}"] = y
            inputs[f"pool{k}"] = y = naive.relu_forward(y)
            x = naive.max_pool_forward(y, (self.pool,) * 2, (self.pool,) * 2)
        inputs["flatten"] = x
        inputs["fc1"] = x = naive.flatten_forward(x)
        inputs["relu"] = x = naive.linear_forward(x, w["fc1.weight"], w["fc1.bias"])
        inputs["fc2"] = x = naive.relu_forward(x)
        return naive.linear_forward(x, w["fc2.weight"], w["fc2.bias"])

    def gradients(self, dy: Array) -> Weights:
        inputs, w, found = self._inputs, self.weights, {}
        dy, found["fc2.weight"], found["fc2.bias"] = naive.linear_backward(inputs["fc2"], w["fc2.weight"], dy)
        dy = naive.relu_backward(inputs["relu"], dy)
        dy, found["fc1.weight"], found["fc1.bias"] = naive.linear_backward(inputs["fc1"], w["fc1.weight"], dy)
        dy = naive.flatten_backward(dy, inputs["flatten"].shape)
        for k in range(self.convolutions, 0, -1):
            dy = naive.max_pool_backward(inputs[f"pool{k}"], dy, (self.pool,) * 2, (self.pool,) * 2)
            dy = naive.relu_backward(inputs[f"relu{k}"], dy)
            x, weight = inputs[f"conv{k}"], w[f"conv{k}.weight"]
            dy, dw, db = naive.conv_backward(x, weight, dy, (1, 1), (self.padding,) * 2)
            found[f"conv{k}.weight"], found[f"conv{k}.bias"] = dw, db
        return found

    def train(self, x: Array, labels: Array, lr: float) -> float:
        """Take one step of descent and return the loss before it."""
        logits = self.forward(x)
        for name, gradient in self.gradients(naive.cross_entropy_backward(logits, labels)).items():
            for index in np.ndindex(gradient.shape):
                self.weights[name][index] -= lr * gradient[index]
        return naive.cross_entropy_forward(logits, labels)


def batches(images: Array, labels: Array, size: int) -> Iterator[tuple[Array, Array]]:
    order = np.random.default_rng(5).permutation(len(images))
    for start in range(0, len(images), size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]


def train(net: Module, optimizer: SGD | Adam, x: Array, labels: Array) -> float:
    loss = CrossEntropyLoss()
    value = loss.forward(net.forward(x), labels)
    net.parameter_gradients(loss.backward())
    optimizer.step()
    return value


def original_net(side: int, hidden: int, classes: int) -> Sequential:
    rng = np.random.default_rng(1)
    return Sequential(
        conv1=Conv2d(1, 8, 3, padding=1, rng=rng, dtype=np.float64),
        relu1=ReLU(),
        flatten=Flatten(),
        fc1=Linear(8 * side * side, hidden, rng=rng, dtype=np.float64),
        relu2=ReLU(),
        fc2=Linear(hidden, classes, rng=rng, dtype=np.float64),
    )


def two_blocks() -> Sequential:
    rng = np.random.default_rng(1)
    return simple_cnn((1, 8, 8), 4, channels=[3, 4], pool=2, hidden_size=10, rng=rng, dtype=np.float64)


def assert_epoch_equals_loops(net: Sequential, oracle: NaiveNet, images: Array, labels: Array, *, lr: float) -> None:
    optimizer = SGD(net.parameters(), lr=lr)
    sizes = []
    for x, y in batches(images, labels, size=8):
        assert abs(train(net, optimizer, x, y) - oracle.train(x, y, lr)) <= 1e-9
        sizes.append(len(x))
    assert sizes == [8, 8, 8, 8, 5]
    assert net.state_dict().keys() == oracle.weights.keys()
    for name, array in net.state_dict().items():
        assert np.abs(array - oracle.weights[name]).max() <= 1e-9


def test_epoch_of_two_blocks_with_pooling_equals_loops() -> None:
    net = two_blocks()
    images, labels = normal(2, 37, 1, 8, 8), np.random.default_rng(3).integers(0, 4, 37)
    oracle = NaiveNet(net.state_dict(), convolutions=2, padding=1, pool=2)
    assert_epoch_equals_loops(net, oracle, images, labels, lr=0.1)


def test_epoch_of_the_original_network_equals_loops() -> None:
    net = original_net(side=6, hidden=12, classes=10)
    images, labels = normal(2, 37, 1, 6, 6), np.random.default_rng(3).integers(0, 10, 37)
    oracle = NaiveNet(net.state_dict(), convolutions=1, padding=1, pool=1)
    assert_epoch_equals_loops(net, oracle, images, labels, lr=0.1)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_one_step_changes_every_parameter(name: str) -> None:
    net = original_net(side=6, hidden=12, classes=10)
    optimizer = SGD(net.parameters(), lr=0.1) if name == "sgd" else Adam(net.parameters())
    before = net.state_dict()
    train(net, optimizer, normal(2, 8, 1, 6, 6), np.arange(8))
    assert [key for key, array in net.state_dict().items() if np.array_equal(array, before[key])] == []


def test_whole_backward_pass_trains_like_parameter_gradients_alone() -> None:
    images, labels = normal(2, 8, 1, 8, 8), np.arange(8) % 4
    states = []
    for whole in (True, False):
        net, loss = two_blocks(), CrossEntropyLoss()
        loss.forward(net.forward(images), labels)
        (net.backward if whole else net.parameter_gradients)(loss.backward())
        SGD(net.parameters(), lr=0.1).step()
        states.append(net.state_dict())
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name])


def test_batch_can_be_learned_by_heart() -> None:
    net = two_blocks()
    optimizer = SGD(net.parameters(), lr=0.01, momentum=0.9)
    images, labels = normal(2, 16, 1, 8, 8), np.arange(16) % 4
    losses = [train(net, optimizer, images, labels) for _ in range(100)]
    assert losses[0] > 1
    assert losses[-1] < 0.05
