"""Parameters and modules: names, gradients' shapes, copies of the state, strict loading."""

import numpy as np
import pytest

from cnn_core import Linear, Module, Parameter, Sequential
from tests.core.arrays import Array, normal
from tests.core.cases import CASES


def net() -> Module:
    return CASES["simple_cnn"].build()


def changed(module: Module, before: dict[str, Array]) -> list[str]:
    return [name for name, array in module.state_dict().items() if array.tobytes() != before[name].tobytes()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_of_a_parameter_starts_at_zero_with_its_shape_and_dtype(
    dtype: type[np.float32] | type[np.float64],
) -> None:
    parameter = Parameter(normal(1, 2, 3, dtype=dtype))
    assert (parameter.grad.shape, parameter.grad.dtype) == ((2, 3), np.dtype(dtype))
    assert not parameter.grad.any()


def test_parameters_of_nested_modules_are_named_by_their_path_in_the_order_of_construction() -> None:
    rng = np.random.default_rng(0)
    inner = Sequential(b=Linear(2, 2, rng=rng), a=Linear(2, 2, rng=rng))
    outer = Sequential(first=inner, last=Linear(2, 1, rng=rng))
    names = ["first.b.weight", "first.b.bias", "first.a.weight", "first.a.bias", "last.weight", "last.bias"]
    assert [name for name, _ in outer.named_parameters()] == names
    assert [id(p) for p in outer.parameters()] == [id(p) for _, p in outer.named_parameters()]
    assert list(outer.state_dict()) == names


def test_interface_alone_computes_nothing() -> None:
    module = Module()
    with pytest.raises(NotImplementedError):
        module.forward(np.zeros(1))
    with pytest.raises(NotImplementedError):
        module.input_gradient(np.zeros(1))
    assert module.parameters() == []


def test_state_holds_copies() -> None:
    module = net()
    before = module.state_dict()
    for array in module.state_dict().values():
        array[...] = 0
    assert changed(module, before) == []


def test_state_put_aside_does_not_follow_the_parameters() -> None:
    module = net()
    state = module.state_dict()
    before = {name: array.copy() for name, array in state.items()}
    for parameter in module.parameters():
        parameter.value += 1
    assert all(np.array_equal(array, before[name]) for name, array in state.items())


def test_loaded_state_is_copied_into_the_arrays_the_optimizer_knows() -> None:
    module = net()
    arrays = [parameter.value for parameter in module.parameters()]
    state = {name: array + 1 for name, array in module.state_dict().items()}
    expected = {name: array.copy() for name, array in state.items()}
    module.load_state_dict(state)
    for array in state.values():
        array[...] = 0
    assert changed(module, expected) == []
    assert all(p.value is array for p, array in zip(module.parameters(), arrays, strict=True))


def test_loaded_network_computes_the_same_bits() -> None:
    module, other = net(), net()
    for parameter in other.parameters():
        parameter.value *= 2
    other.load_state_dict(module.state_dict())
    x = CASES["simple_cnn"].x(seed=1)
    assert module.forward(x).tobytes() == other.forward(x).tobytes()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"missing \['fc2.bias'\], unknown \[\]"),
        ("unknown", r"missing \[\], unknown \['fc3.bias'\]"),
        ("renamed", r"missing \['fc2.bias'\], unknown \['fc3.bias'\]"),
        ("shape", r"fc2.bias must be float64 of shape \(4,\), got float64 of shape \(1,\)"),
        ("dtype", r"fc2.bias must be float64 of shape \(4,\), got float32 of shape \(4,\)"),
    ],
)
def test_state_that_does_not_fit_is_refused_and_changes_nothing(fault: str, message: str) -> None:
    module = net()
    before = module.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    match fault:
        case "missing":
            del state["fc2.bias"]
        case "unknown":
            state["fc3.bias"] = np.zeros(4)
        case "renamed":
            state["fc3.bias"] = state.pop("fc2.bias")
        case "shape":
            state["fc2.bias"] = np.zeros(1)  # would broadcast
        case "dtype":
            state["fc2.bias"] = np.zeros(4, np.float32)  # would be cast
    with pytest.raises(ValueError, match=message):
        module.load_state_dict(state)
    assert changed(module, before) == []
