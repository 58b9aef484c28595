"""A training step allocates nothing large once the first steps of its shape are over, however large the batch is."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from cnn_core import (
    SGD,
    Adam,
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    CrossEntropyLoss,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Module,
    Optimizer,
    Parameter,
    ReLU,
    Sequential,
    simple_cnn,
)
from tests.core.allocations import allocating_lines, peak
from tests.core.arrays import normal, randomize

# NumPy passes through buffers of 8,192 elements an operand what it cannot compute where it lies: three times 32 KiB.
# Every activation of these networks is larger than this in a batch of 256, the hidden features are just as large.
BOUND = 2**17
FIRST_STEPS = 4  # until the pool holds as many arrays of a size as are ever in use at once


def pooled() -> Module:
    return simple_cnn((1, 14, 14), 10, channels=[8, 16], pool=2, rng=np.random.default_rng(0))


def without_pooling() -> Module:
    return simple_cnn((1, 14, 14), 10, channels=[8], rng=np.random.default_rng(0))


def normalised() -> Module:
    rng = np.random.default_rng(0)
    network = Sequential(
        conv1=Conv2d(1, 16, 3, padding=1, bias=False, rng=rng),
        norm1=BatchNormMaxPool2d(16, 2),
        relu1=ReLU(),
        conv2=Conv2d(16, 32, 3, padding="same", dilation=2, groups=2, bias=False, rng=rng),
        norm2=BatchNorm2d(32),
        pool2=MaxPool2d(3, stride=2),
        relu2=ReLU(),
        mean=GlobalAvgPool2d(),
        fc=Linear(32, 10, rng=rng),
    )
    randomize(network, seed=1)  # where γ is negative, pooling needs −x
    return network


def step_of(network: Module, optimizer: Optimizer, batch: int) -> Callable[[], None]:
    x, labels = normal(1, batch, 1, 14, 14, dtype=np.float32), np.arange(batch) % 10
    loss = CrossEntropyLoss(label_smoothing=0.1)

    def step() -> None:
        loss.forward(network.forward(x), labels)
        network.parameter_gradients(loss.backward())
        optimizer.step()

    return step


@pytest.mark.parametrize("batch", [64, 256])
@pytest.mark.parametrize("optimize", [partial(SGD, lr=0.01, momentum=0.9), Adam], ids=["sgd", "adam"])
@pytest.mark.parametrize("build", [without_pooling, pooled, normalised])
def test_settled_training_step_allocates_nothing_large(
    build: Callable[[], Module], optimize: Callable[[list[Parameter]], Optimizer], batch: int
) -> None:
    network = build()
    step = step_of(network, optimize(network.parameters()), batch)
    for _ in range(FIRST_STEPS):
        step()
    assert peak(step) < BOUND, allocating_lines(step, BOUND // 4)


@pytest.mark.parametrize("batch", [64, 256])
def test_settled_evaluation_allocates_nothing_large(batch: int) -> None:
    network, x = normalised().evaluate(), normal(1, batch, 1, 14, 14, dtype=np.float32)
    for _ in range(FIRST_STEPS):
        network.forward(x)
    assert peak(lambda: network.forward(x)) < BOUND, allocating_lines(lambda: network.forward(x), BOUND // 4)


def test_batches_of_alternating_sizes_settle_as_well() -> None:
    network = pooled()
    optimizer = Adam(network.parameters())
    steps = [step_of(network, optimizer, batch) for batch in (64, 17)]  # an epoch's last batch is smaller
    for step in FIRST_STEPS * steps:
        step()
    for step in steps:
        assert peak(step) < BOUND, allocating_lines(step, BOUND // 4)


def test_first_step_is_seen_to_allocate_and_where() -> None:
    network = pooled()
    step = step_of(network, Adam(network.parameters()), 64)
    found = allocating_lines(step, BOUND)
    assert {line.rpartition("/")[2].partition(":")[0] for line in found} == {"buffers.py"}
    assert all(size > BOUND for size in found.values())
