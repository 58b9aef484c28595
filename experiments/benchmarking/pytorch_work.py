"""PyTorch at work, eager, in one of its two memory formats. The only file that imports it, itself imported late."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from typing import Any

import torch

from cnn_core import (
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from experiments.benchmarking.measuring import Lap
from experiments.benchmarking.nets import Images, layers
from experiments.benchmarking.work import BACKWARD, FORWARD, INFERENCE, LOSS, LR, STEP, TRAINING, part

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
_ASLEEP_SECONDS = 0.05  # after which no thread of an idle PyTorch is awake


class PyTorchWork:
    """See `experiments.benchmarking.work.Work`."""

    def __init__(self, net: Sequential, images: Images, threads: int, memory_format: str) -> None:
        self._threads, chosen = threads, FORMATS[memory_format]
        self.layers = translated(net)
        self.net = torch.nn.Sequential(*(layer for _, layer in self.layers)).to(memory_format=chosen)
        self._pixels = torch.from_numpy(images.pixels.copy(order="C")).to(memory_format=chosen)
        self._labels = torch.from_numpy(images.labels)
        self._loss = torch.nn.CrossEntropyLoss()
        self._optimizer = torch.optim.SGD(self.net.parameters(), lr=LR)

    @contextmanager
    def ready(self, *, training: bool) -> Iterator[None]:
        """As its users set it up."""
        torch.set_num_threads(self._threads)
        self.net.train(training)
        with nullcontext() if training else torch.inference_mode():
            yield

    def train(self, lap: Lap) -> None:
        """As its users write it."""
        self._loss(self.net(self._pixels), self._labels).backward()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        lap(TRAINING)

    def train_by_layer(self, lap: Lap) -> None:
        """In one graph, as ever; a layer's backward pass ends when the gradient of its input is there."""
        y, outputs = self._pixels, []
        for name, layer in self.layers:
            y = layer(y)
            outputs.append(y)
            lap(part(FORWARD, name))
        loss = self._loss(y, self._labels)
        for output, (name, _) in zip(outputs, self.layers[1:], strict=False):
            output.register_hook(lambda _, name=name: lap(part(BACKWARD, name)))
        y.register_hook(lambda _: lap(LOSS))
        loss.backward()
        lap(part(BACKWARD, self.layers[0][0]))
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        lap(STEP)

    def infer(self, lap: Lap) -> None:
        """A forward pass."""
        self.net(self._pixels)
        lap(INFERENCE)

    def infer_by_layer(self, lap: Lap) -> None:
        """A forward pass."""
        y = self._pixels
        for name, layer in self.layers:
            y = layer(y)
            lap(part(INFERENCE, name))


def translated(net: Sequential) -> list[tuple[str, Any]]:
    """The same function with the same weights, in the order its users write: ReLU before pooling.

    Returns:
        PyTorch's layers, each with the name of the layer of ours whose work it does.
    """
    made = [(name, one) for name, layer in layers(net) for one in _translations(layer)]
    for i, ((_, layer), (_, following)) in enumerate(pairwise(made)):
        if isinstance(layer, torch.nn.MaxPool2d) and isinstance(following, torch.nn.ReLU):
            made[i], made[i + 1] = made[i + 1], made[i]
    return made


def _translations(layer: Module) -> list[Any]:
    match layer:
        case Conv2d():
            (outputs, inputs, *size), padding = layer.weight.value.shape, layer.kernel.rows.before
            bias = layer.bias is not None
            return [_weighted(torch.nn.Conv2d(inputs, outputs, size, padding=padding, bias=bias), layer)]
        case Linear():
            outputs, inputs = layer.weight.value.shape
            return [_weighted(torch.nn.Linear(inputs, outputs), layer)]
        case BatchNorm2d():
            norm = torch.nn.BatchNorm2d(layer.weight.value.size, eps=layer.eps, momentum=layer.momentum)
            pools = [torch.nn.MaxPool2d(layer.rows.kernel)] if isinstance(layer, BatchNormMaxPool2d) else []
            return [_weighted(norm, layer), *pools]
        case MaxPool2d():
            return [torch.nn.MaxPool2d(layer.rows.kernel)]
        case GlobalAvgPool2d():
            return [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
        case ReLU() | Flatten():
            return [getattr(torch.nn, type(layer).__name__)()]
        case _:
            raise TypeError(f"{type(layer).__name__} has no translation")


def _weighted(made: Any, layer: Module) -> Any:
    """A layer of PyTorch's with the weights of ours."""
    weights = {name: torch.from_numpy(array) for name, array in layer.state_dict().items()}
    made.load_state_dict(made.state_dict() | weights)  # PyTorch's batch norm also counts its batches
    return made


@cache
def awake_seconds(threads: int) -> float:
    """How long PyTorch's threads stay awake when there is nothing more to do: the longest of several trials.

    Staying awake is the only thing the process does while the calling thread sleeps, so its processor time tells.
    """
    torch.set_num_threads(threads)
    numbers = torch.zeros(2**22)
    return max(_awake_seconds(numbers, threads) for _ in range(10))


def _awake_seconds(numbers: Any, threads: int) -> float:
    numbers.add_(1)  # on all threads
    begun = time.process_time()
    time.sleep(_ASLEEP_SECONDS)  # what is measured is who stays awake meanwhile
    return (time.process_time() - begun) / max(1, threads - 1)
