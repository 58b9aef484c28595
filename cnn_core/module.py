"""Parameters and the interface of everything that has a forward and a backward pass.

A module remembers what its backward pass needs; it never updates a parameter and never reads a file.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from cnn_core.buffers import Buffers
from cnn_core.layout import Array


class Parameter:
    """A learnable array and its gradient, of the same shape and dtype.

    A backward pass writes the gradient of its own batch; nothing accumulates, so nothing has to be cleared.

    >>> Parameter(np.ones(3)).grad
    array([0., 0., 0.])
    """

    def __init__(self, value: Array) -> None:
        self.value = value
        self.grad = np.zeros_like(value)


class Module:
    """A differentiable function of one array, y = f(x; θ).

    A layer implements `forward`, `input_gradient` and, where it has parameters, `parameter_gradients`. Parameters and
    modules assigned to attributes are found by name.
    """

    def __init__(self) -> None:
        self.buffers = Buffers()

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

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield `("conv1.weight", Parameter)` and so on, in the order of construction."""
        for name, member in vars(self).items():
            if isinstance(member, Parameter):
                yield prefix + name, member
            elif isinstance(member, Module):
                yield from member.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of construction."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters' values, by name."""
        return {name: parameter.value.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Set all parameters from arrays of the same names, shapes and dtypes.

        Raises:
            ValueError: a name is missing or unknown, or a shape or dtype differs; nothing is changed then.
        """
        own = dict(self.named_parameters())
        check_fit({name: parameter.value for name, parameter in own.items()}, state)
        for name, parameter in own.items():
            parameter.value[...] = state[name]


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
