"""PyTorch at work, eager, in one of its two memory formats. The only file that imports it, itself imported late."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from typing import Any

import torch

from cnn_core import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, Module, ReLU, Sequential
from experiments.benchmarking.measuring import Lap
from experiments.benchmarking.nets import Images
from experiments.benchmarking.work import BACKWARD, FORWARD, INFERENCE, LOSS, LR, STEP, TRAINING, part

VERSION = str(torch.__version__)
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
_ASLEEP_SECONDS = 0.05  # after which no thread of an idle PyTorch is awake


class PyTorchWork:
    """See `experiments.benchmarking.work.Work`."""

    def __init__(self, net: Sequential, images: Images, threads: int, memory_format: str) -> None:
        self._threads, chosen = threads, FORMATS[memory_format]
        self.net = translated(net).to(memory_format=chosen)
        self._layers = {name: self.net.get_submodule(name) for name in layer_names(net)}
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
        outputs: dict[str, Any] = {}
        y = self._pixels
        for name, layer in self._layers.items():
            y = outputs[name] = layer(y)
            lap(part(FORWARD, name))
        loss = self._loss(y, self._labels)
        for before, name in pairwise(outputs):
            outputs[before].register_hook(lambda _, name=name: lap(part(BACKWARD, name)))
        y.register_hook(lambda _: lap(LOSS))
        loss.backward()
        lap(part(BACKWARD, next(iter(outputs))))
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
        for name, layer in self._layers.items():
            y = layer(y)
            lap(part(INFERENCE, name))


def translated(net: Sequential) -> Any:
    """The same function with the same weights and names, in the order its users write: ReLU before pooling."""
    made = _translated_layer(net)
    weights = {name: torch.from_numpy(array) for name, array in net.state_dict().items()}
    made.load_state_dict(made.state_dict() | weights)  # PyTorch's batch norm also counts its batches
    return made


def layer_names(net: Sequential, prefix: str = "") -> list[str]:
    """The names of all layers, as `experiments.benchmarking.nets.layers` has them, in the order of the translation."""
    names = []
    for name, layer in _in_users_order(net):
        names += layer_names(layer, f"{prefix}{name}.") if isinstance(layer, Sequential) else [prefix + name]
    return names


def _in_users_order(net: Sequential) -> list[tuple[str, Module]]:
    members = list(net.layers.items())
    for i, ((_, layer), (_, following)) in enumerate(pairwise(net.layers.items())):
        if isinstance(layer, MaxPool2d) and isinstance(following, ReLU):
            members[i], members[i + 1] = members[i + 1], members[i]
    return members


def _translated_layer(layer: Module) -> Any:  # noqa: PLR0911  # one a layer
    match layer:
        case Sequential():
            members = {name: _translated_layer(member) for name, member in _in_users_order(layer)}
            return torch.nn.Sequential(OrderedDict(members))
        case Conv2d():
            (outputs, inputs, *size), padding = layer.weight.value.shape, layer.kernel.rows.before
            return torch.nn.Conv2d(inputs, outputs, size, padding=padding, bias=layer.bias is not None)
        case BatchNorm2d():
            return torch.nn.BatchNorm2d(layer.weight.value.size, eps=layer.eps, momentum=layer.momentum)
        case MaxPool2d():
            return torch.nn.MaxPool2d(layer.rows.kernel)
        case ReLU():
            return torch.nn.ReLU()
        case Flatten():
            return torch.nn.Flatten()
        case GlobalAvgPool2d():
            return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        case Linear():
            outputs, inputs = layer.weight.value.shape
            return torch.nn.Linear(inputs, outputs)
        case _:
            raise TypeError(f"{type(layer).__name__} has no translation")


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
    time.sleep(_ASLEEP_SECONDS)
    return (time.process_time() - begun) / max(1, threads - 1)
