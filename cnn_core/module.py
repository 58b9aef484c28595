"""Parameters and the interface of everything that has a forward and a backward pass.

A module remembers what its backward pass needs; it never updates a parameter and never reads a file.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from cnn_core.buffers import Buffers, aligned_copy
from cnn_core.layout import Array


class Parameter:
    """A learnable array and its gradient, of the same shape and dtype.

    A backward pass writes the gradient of its own batch; nothing accumulates, so nothing has to be cleared.

    >>> Parameter(np.ones(3)).grad
    array([0., 0., 0.])
    """

    def __init__(self, value: Array) -> None:
        self.value = aligned_copy(value)
        self.grad = aligned_copy(np.zeros_like(value))


class Statistic:
    """An array that training follows and evaluation reads, such as a running mean; no gradient reaches it."""

    def __init__(self, value: Array) -> None:
        self.value = value


class Module:
    """A differentiable function of one array, y = f(x; θ).

    A layer implements `forward`, `input_gradient` and, where it has parameters, `parameter_gradients`. Parameters,
    statistics and modules assigned to attributes are found by name.

    Attributes:
        training: whether the forward pass is followed by a backward pass; set it by `train` and `evaluate`.
        buffers: where results and temporary arrays lie, shared by all modules of a network.
    """

    def __init__(self) -> None:
        self.training = True
        self.buffers = Buffers()
        self._remembered: Any = None

    def __call__(self, x: Array) -> Array:
        """Compute the forward pass."""
        return self.forward(x)

    def forward(self, x: Array) -> Array:
        """Compute y = f(x; θ) and remember what the backward pass needs. Never changes x."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """Write ∂L/∂θ into the parameters and return ∂L/∂x, given dy = ∂L/∂y of the last forward pass."""
        self.parameter_gradients(dy)
        return self.input_gradient(dy)

    def parameter_gradients(self, dy: Array) -> None:
        """Write ∂L/∂θ only. Training a network needs no gradient of the images."""

    def input_gradient(self, dy: Array) -> Array:
        """Return ∂L/∂x only."""
        raise NotImplementedError

    def multiply_adds(self, output_shape: tuple[int, ...]) -> int:  # noqa: ARG002  # layers with weights need it
        """How many products a forward pass adds up for one image, given its result's (C, H, W) or (F,).

        As usual, only those with weights count: convolutions and fully connected layers, without their biases.
        """
        return 0

    def remember(self, *what: Any) -> None:
        """Keep what the backward pass needs, in training; evaluation keeps nothing."""
        self._remembered = what if self.training else None

    def recall(self) -> Any:
        """What `remember` kept.

        Raises:
            RuntimeError: there was no forward pass in training, or its memory is freed.
        """
        if self._remembered is None:
            raise RuntimeError(f"{type(self).__name__}: a backward pass needs a forward pass in training before it")
        return self._remembered

    def forget(self) -> None:
        """Free what the last forward pass left for a backward pass."""
        self._remembered = None
        for module in self.children().values():
            module.forget()

    def train(self) -> Self:
        """Compute as in training: remember, drop out, normalise by the batch's own statistics."""
        return self._set_training(True)

    def evaluate(self) -> Self:
        """Compute as in use: remember nothing, change nothing."""
        return self._set_training(False)

    def draws(self) -> bool:
        """Whether a forward pass in training takes chance from a generator, here or within."""
        return any(module.draws() for module in self.children().values())

    def draw_from(self, rng: np.random.Generator) -> None:
        """Take all chance from this generator from now on, this module and all within it."""
        for module in self.children().values():
            module.draw_from(rng)

    def share(self, buffers: Buffers) -> None:
        """Take memory from this pool from now on, this module and all within it."""
        self.buffers = buffers
        for module in self.children().values():
            module.share(buffers)

    def children(self) -> dict[str, "Module"]:
        """The modules directly within this one, by name."""
        return {name: member for name, member in vars(self).items() if isinstance(member, Module)}

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield `("", this module)`, `("conv1", Module)`, `("stage1.conv1", Module)` and so on: all there are."""
        yield prefix, self
        for name, module in self.children().items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield `("conv1.weight", Parameter)` and so on, in the order of construction."""
        for name, member in self._named_members(prefix):
            if isinstance(member, Parameter):
                yield name, member

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of construction."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self) -> dict[str, Array]:
        """Copies of the values of all parameters and statistics, by name."""
        return {name: member.value.copy() for name, member in self._named_members("")}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Set all parameters and statistics from arrays of the same names, shapes and dtypes.

        Raises:
            ValueError: a name is missing or unknown, or a shape or dtype differs; nothing is changed then.
        """
        own = dict(self._named_members(""))
        check_fit({name: member.value for name, member in own.items()}, state)
        for name, member in own.items():
            member.value[...] = state[name]

    def _named_members(self, prefix: str) -> Iterator[tuple[str, Parameter | Statistic]]:
        for name, member in vars(self).items():
            if isinstance(member, Parameter | Statistic):
                yield prefix + name, member
            elif isinstance(member, Module):
                yield from member._named_members(f"{prefix}{name}.")

    def _set_training(self, training: bool) -> Self:
        self.training = training
        for module in self.children().values():
            module._set_training(training)
        return self


def check_fit(expected: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    """Check that a state has the expected names, shapes and dtypes.

    Raises:
        ValueError: naming what is missing, unknown or different.
    """
    if expected.keys() != found.keys():
        missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        raise ValueError(f"the state does not fit: missing {missing}, unknown {unknown}")
    for name, array in expected.items():
        if (found[name].shape, found[name].dtype) != (array.shape, array.dtype):
            raise ValueError(
                f"{name} must be {array.dtype} of shape {array.shape}, "
                f"got {found[name].dtype} of shape {found[name].shape}"
            )
