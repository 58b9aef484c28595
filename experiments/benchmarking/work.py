"""What every library has to do to be measured, and the names of the parts of it."""

from contextlib import AbstractContextManager
from typing import Protocol

from experiments.benchmarking.measuring import Lap

TRAINING, INFERENCE = WHOLES = ("training", "inference")
FORWARD, BACKWARD = "forward", "backward"  # of a layer, in training; of its inference it is INFERENCE again
LOSS, STEP = "loss", "step"  # the rest of a training step
LR = 1e-6  # weights stay where they are, so that every step does the same


class Work(Protocol):
    """A network of one library, with a batch.

    A training step is a forward pass, the loss, a backward pass and a step of SGD without momentum. Inference is a
    forward pass in evaluation mode.
    """

    def ready(self, *, training: bool) -> AbstractContextManager[object]:
        """The context in which to train or to infer, with its own number of threads."""

    def train(self, lap: Lap) -> None:
        """Take a training step, one lap: TRAINING."""

    def train_by_layer(self, lap: Lap) -> None:
        """Take a training step, a lap for `part(FORWARD, layer)` …, LOSS, `part(BACKWARD, layer)` …, STEP."""

    def infer(self, lap: Lap) -> None:
        """Make an inference, one lap: INFERENCE."""

    def infer_by_layer(self, lap: Lap) -> None:
        """Make an inference, a lap for `part(INFERENCE, layer)` …."""


def part(what: str, layer: str) -> str:
    """The name of a layer's lap.

    >>> part(BACKWARD, "conv1")
    'backward conv1'
    """
    return f"{what} {layer}"
