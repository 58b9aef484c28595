"""What a network is made of: every layer with its shape, its parameters and its cost, as a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from cnn_core.layout import Array
from cnn_core.module import Module, Parameter

_HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds")


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Args:
        name: with those of the modules around it, dotted.
        kind: its class.
        output_shape: of one image, (C, H, W) or (F,).
        parameters: how many numbers it learns.
        multiply_adds: for one image, see `Module.multiply_adds`.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """All layers, in the order in which an image meets them. As text it is a table."""

    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """How many multiply-adds a forward pass of one image takes."""
        return sum(layer.multiply_adds for layer in self.layers)

    def __str__(self) -> str:
        rows = [_HEADINGS]
        for layer in self.layers:
            shape = "×".join(map(str, layer.output_shape))
            rows.append((layer.name, layer.kind, shape, _number(layer.parameters), _number(layer.multiply_adds)))
        rows.append(("total", "", "", _number(self.parameters), _number(self.multiply_adds)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_line(row, widths) for row in rows)


def summary(model: Module, input_shape: tuple[int, ...]) -> Summary:
    """Describe a network by sending one image through it, in evaluation; the network is left as it was.

    A module that only holds others is described by them: its own name is part of theirs.

    Args:
        model: any module.
        input_shape: of one image, (C, H, W), or (F,) of features.

    Raises:
        ValueError: the image does not fit the network.

    >>> from cnn_core import lenet5
    >>> table = summary(lenet5((1, 28, 28), 10, rng=np.random.default_rng(0)), (1, 28, 28))
    >>> table.layers[3]
    LayerSummary(name='conv2', kind='Conv2d', output_shape=(16, 10, 10), parameters=2416, multiply_adds=240000)
    >>> table.parameters, table.multiply_adds
    (61706, 416520)
    """
    layers = dict(_layers(model))
    with _evaluating(model), _results_of(layers) as results:
        model.forward(np.zeros((1, *input_shape), np.float32))
    return Summary(tuple(_describe(name, layers[name], y.shape[1:]) for name, y in results))


def _layers(module: Module, prefix: str = "") -> Iterator[tuple[str, Module]]:
    """What computes rather than arranges: a module with parameters of its own, or with nothing within."""
    children = module.children()
    if not children or any(isinstance(member, Parameter) for member in vars(module).values()):
        yield prefix, module
        return
    for name, child in children.items():
        yield from _layers(child, f"{prefix}.{name}" if prefix else name)


def _describe(name: str, layer: Module, output_shape: tuple[int, ...]) -> LayerSummary:
    parameters = sum(parameter.value.size for parameter in layer.parameters())
    kind = type(layer).__name__
    return LayerSummary(name or kind, kind, output_shape, parameters, layer.multiply_adds(output_shape))


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Let every module compute as in use, then as it did before."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.evaluate()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def _results_of(modules: Mapping[str, Module]) -> Iterator[list[tuple[str, Array]]]:
    """Collect what each module returns, under its name, in the order in which they are asked."""
    results: list[tuple[str, Array]] = []

    def noted(name: str, forward: Callable[[Array], Array]) -> Callable[[Array], Array]:
        def forward_and_note(x: Array) -> Array:
            y = forward(x)
            results.append((name, y))
            return y

        return forward_and_note

    for name, module in modules.items():
        vars(module)["forward"] = noted(name, module.forward)  # before the class's own, for now
    try:
        yield results
    finally:
        for module in modules.values():
            del vars(module)["forward"]


def _number(count: int) -> str:
    return f"{count:,}" if count else "–"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(words + numbers)
