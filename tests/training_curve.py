"""A training on real images that any library can repeat: the batches, ours on them, and what is compared."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cnn_core import CrossEntropyLoss, Module, Optimizer
from experiments.data.dataset import Dataset
from experiments.data.digits import load_digits
from tests.core.arrays import Array

STEPS = 200
BATCH_SIZE = 32


class Curve(NamedTuple):
    """What training led to: the loss before every step, the state after the last, and logits of the test images."""

    losses: Array
    state: dict[str, Array]
    logits: Array

    def accuracy(self) -> float:
        """The share of test images whose largest logit is their label's."""
        return float((self.logits.argmax(axis=1) == digits().test.labels).mean())


@cache
def digits() -> Dataset:
    return load_digits()


def batches(steps: int, dtype: npt.DTypeLike) -> Iterator[tuple[Array, Array]]:
    """Images and labels of so many steps: epoch after epoch, each in its own order and with a smaller last batch."""
    images, rng = digits().train, np.random.default_rng(5)
    while steps > 0:
        order = rng.permutation(len(images))
        chosen = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)][:steps]
        for indices in chosen:
            yield scaled(images.pixels[indices], dtype), images.labels[indices].astype(np.int64)
        steps -= len(chosen)


def scaled(pixels: Array, dtype: npt.DTypeLike) -> Array:
    return pixels.astype(dtype) / 16


def train(network: Module, optimizer: Optimizer, dtype: npt.DTypeLike, steps: int = STEPS) -> Curve:
    """Our curve."""
    loss, losses = CrossEntropyLoss(), []
    for x, labels in batches(steps, dtype):
        losses.append(loss.forward(network.forward(x), labels))
        network.parameter_gradients(loss.backward())
        optimizer.step()
    logits = network.evaluate().forward(scaled(digits().test.pixels, dtype))
    return Curve(np.array(losses), network.state_dict(), logits)
