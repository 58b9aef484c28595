"""The judge of gradients: right derivatives by hand, and wrong layers found out."""

from collections.abc import Callable

import numpy as np
import pytest

from cnn_core import Dropout, Linear, Module, Sequential, complex_step_gradient, gradient_errors
from cnn_core.module import Parameter
from tests.core.arrays import LAYOUTS, Array, normal, randomize


def linear() -> Linear:
    layer = Linear(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    randomize(layer, seed=1)
    return layer


def errors_of(module: Module) -> dict[str, float]:
    return gradient_errors(module, normal(2, 4, 3), rng=np.random.default_rng(3))


def test_derivative_of_a_product_of_powers() -> None:
    # f = x² y³: ∂f/∂x = 2 x y³ = 2·3·8 = 48, ∂f/∂y = 3 x² y² = 3·9·4 = 108
    gradient = complex_step_gradient(lambda v: complex(v[0] ** 2 * v[1] ** 3), np.array([3.0, 2.0]))
    np.testing.assert_allclose(gradient, [48, 108], rtol=1e-15)


def test_derivative_where_finite_differences_lose_every_digit() -> None:
    # f = exp(x) / x at 1e-3: f' = exp(x) (x − 1) / x²
    x = 1e-3
    gradient = complex_step_gradient(lambda v: complex(np.exp(v[0]) / v[0]), np.array([x]))
    np.testing.assert_allclose(gradient, [np.exp(x) * (x - 1) / x**2], rtol=1e-14)


def test_gradient_has_the_shape_of_its_argument() -> None:
    x = normal(0, 2, 3, 2)
    np.testing.assert_allclose(complex_step_gradient(lambda v: complex(np.sin(v).sum()), x), np.cos(x), rtol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_argument_of_any_memory_layout_is_taken_and_left_alone(layout: Callable[[Array], Array]) -> None:
    x = layout(normal(0, 3, 4))
    before = x.copy()
    gradient = complex_step_gradient(lambda v: complex((v * v).sum()), x)
    np.testing.assert_allclose(gradient, 2 * before, rtol=1e-15)
    assert x.tobytes() == before.tobytes()


def test_right_layer_passes() -> None:
    errors = errors_of(linear())
    assert errors.keys() == {"input", "weight", "bias"}
    assert max(errors.values()) <= 1e-12


def test_parameters_are_left_as_they_were() -> None:
    layer = linear()
    values = [parameter.value for parameter in layer.parameters()]
    before = layer.state_dict()
    errors_of(layer)
    assert all(parameter.value is value for parameter, value in zip(layer.parameters(), values, strict=True))
    assert all(array.tobytes() == before[name].tobytes() for name, array in layer.state_dict().items())


class _WrongInputGradient(Linear):
    def input_gradient(self, dy: Array) -> Array:
        return super().input_gradient(dy) * (1 + 1e-9)


class _WrongSignOfOneElement(Linear):
    def input_gradient(self, dy: Array) -> Array:
        dx = super().input_gradient(dy).copy()
        dx[2, 1] *= -1
        return dx


class _WrongWeightGradient(Linear):
    def parameter_gradients(self, dy: Array) -> None:
        super().parameter_gradients(dy)
        self.weight.grad *= 1 + 1e-9


class _ForgottenBiasGradient(Linear):
    def parameter_gradients(self, dy: Array) -> None:
        super().parameter_gradients(dy)
        self.bias.grad[...] = 0


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (_WrongInputGradient, "input"),
        (_WrongSignOfOneElement, "input"),
        (_WrongWeightGradient, "weight"),
        (_ForgottenBiasGradient, "bias"),
    ],
)
def test_wrong_gradient_is_found_where_it_is(wrong: type[Linear], where: str) -> None:
    layer = wrong(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    errors = errors_of(layer)
    assert errors.pop(where) > 1e-10
    assert max(errors.values()) <= 1e-12


class _DetachedGradient(Linear):
    """The original script's defect: a new array is written, and the parameter's own stays zero."""

    def parameter_gradients(self, dy: Array) -> None:
        own = self.weight.grad
        self.weight.grad = np.zeros_like(own)
        super().parameter_gradients(dy)
        self.weight.grad = own


def test_gradient_written_beside_the_parameter_is_found() -> None:
    layer = _DetachedGradient(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    assert errors_of(layer)["weight"] > 0.1


class _Square(Module):
    """y = (θ x)², whose parameter is applied to a whole batch of scalars."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = Parameter(np.array([1.5]))

    def forward(self, x: Array) -> Array:
        self._x = x
        y: Array = np.square(self.theta.value * x)
        return y

    def parameter_gradients(self, dy: Array) -> None:
        self.theta.grad[...] = (2 * self.theta.value * self._x**2 * dy).sum()

    def input_gradient(self, dy: Array) -> Array:
        dx: Array = 2 * self.theta.value**2 * self._x * dy
        return dx


def test_right_module_of_somebody_elses_passes() -> None:
    assert max(errors_of(_Square()).values()) <= 1e-12


class _DroppedInputGradient(Dropout):
    """Forgets what was dropped."""

    def input_gradient(self, dy: Array) -> Array:
        return dy


def test_module_that_draws_is_judged_with_its_chance_held_fixed() -> None:
    fc = linear()
    assert max(errors_of(Sequential(drop=Dropout(0.5), fc=fc)).values()) <= 1e-12
    assert errors_of(Sequential(drop=_DroppedInputGradient(0.5), fc=fc))["input"] > 0.1


def test_error_is_relative_above_one_and_absolute_below() -> None:
    class Doubled(_Square):
        def input_gradient(self, dy: Array) -> Array:
            return 2 * super().input_gradient(dy)

    module = Doubled()
    x = np.array([[1e6]])  # derivative g·2θ²x = 4.5e6·g: twice too large is a relative error of 1
    assert gradient_errors(module, x, rng=np.random.default_rng(3))["input"] == pytest.approx(1, rel=1e-12)
    x = np.array([[1e-6]])  # derivative 4.5e-6·g: the error is its size
    g = np.random.default_rng(3).standard_normal((1, 1)).item()
    expected = abs(4.5e-6 * g)
    assert gradient_errors(module, x, rng=np.random.default_rng(3))["input"] == pytest.approx(expected, rel=1e-9)
