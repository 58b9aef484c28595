"""Proof of a backward pass, by the complex step.

f'(x) = Im f(x + ih) / h + O(h²) has no subtraction, hence no cancellation: with h = 1e-30 it is exact to rounding,
where finite differences reach nine digits. It needs a forward pass that also works on complex numbers and is analytic
between its kinks (comparisons by the real part).

Source: Squire & Trapp, "Using Complex Variables to Estimate Derivatives of Real Functions", 1998.
"""

from collections.abc import Callable

import numpy as np

from cnn_core.layout import Array
from cnn_core.module import Module, Parameter

_STEP = 1e-30
_SEED = 0  # of what a module draws


def complex_step_gradient(function: Callable[[Array], complex], x: Array) -> Array:
    """∂f/∂x of a real function of a real array, element by element.

    >>> complex_step_gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    gradient = np.empty(x.shape)
    moved = x.astype(np.complex128)
    for index in np.ndindex(x.shape):
        moved[index] += 1j * _STEP
        gradient[index] = complex(function(moved)).imag / _STEP
        moved[index] = x[index]
    return gradient


def gradient_errors(module: Module, x: Array, *, rng: np.random.Generator) -> dict[str, float]:
    """Compare `backward` with the complex step, for the input and every parameter.

    The scalar that is differentiated is Σ g·y with a random g, so every output element counts. A module that draws is
    given the same generator anew before each forward pass: it is differentiated with its chance held fixed.

    Args:
        module: with float64 parameters.
        x: a float64 input, `(N, ...)`.
        rng: where g comes from.

    Returns:
        For "input" and each parameter's name the largest |backward − complex step| / max(1, |complex step|).
        A right backward pass stays below about 1e-13.

    >>> from cnn_core import Linear, gradient_errors
    >>> rng = np.random.default_rng(0)
    >>> errors = gradient_errors(Linear(3, 2, rng=rng, dtype=np.float64), rng.normal(size=(4, 3)), rng=rng)
    >>> max(errors.values()) < 1e-12
    True
    """

    def forward(x: Array) -> Array:
        module.draw_from(np.random.default_rng(_SEED))
        return module.forward(x)

    g = rng.standard_normal(forward(x).shape)
    found = {"input": module.backward(g).copy()}
    found |= {name: parameter.grad.copy() for name, parameter in module.named_parameters()}

    def loss_of_input(moved: Array) -> complex:
        return complex((g * forward(moved)).sum())

    expected = {"input": complex_step_gradient(loss_of_input, x)}
    for name, parameter in module.named_parameters():
        value = parameter.value

        def loss_of_parameter(moved: Array, parameter: Parameter = parameter) -> complex:
            parameter.value = moved
            return complex((g * forward(x)).sum())

        expected[name] = complex_step_gradient(loss_of_parameter, value)
        parameter.value = value
    return {
        name: float(np.max(np.abs(found[name] - e) / np.maximum(1, np.abs(e)), initial=0))
        for name, e in expected.items()
    }
