"""Optimizers: steps worked out by hand, fifty steps beside scalar arithmetic, states, refusals."""

import math
import re
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import SGD, Adam, AdamW, Optimizer, Parameter, RMSprop
from tests.core.arrays import EXACT, Array, distance, normal

Build = Callable[[list[Parameter]], Optimizer]
Rule = Callable[[float, list[float]], float]

SHAPES = [(3, 2), (4,), ()]


def parameters(dtype: npt.DTypeLike = np.float64) -> list[Parameter]:
    return [Parameter(normal(i, *shape, dtype=dtype)) for i, shape in enumerate(SHAPES)]


def gradient(step: int, index: int, dtype: npt.DTypeLike = np.float64) -> Array:
    return normal(100 * step + index, *SHAPES[index], dtype=dtype)


def walk(optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        for index, parameter in enumerate(optimizer.parameters):
            parameter.grad[...] = gradient(step, index, parameter.grad.dtype)
        optimizer.step()


def after(build: Build, value: float, gradients: list[float]) -> list[float]:
    """The value after each step."""
    parameter = Parameter(np.array([value]))
    optimizer = build([parameter])
    values = []
    for g in gradients:
        parameter.grad[...] = g
        optimizer.step()
        values.append(parameter.value.item())
    return values


def sgd(*, lr: float = 0.1, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> Build:
    return lambda p: SGD(p, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def adam(
    *, lr: float = 0.1, beta1: float = 0.5, beta2: float = 0.75, eps: float = 2.0, weight_decay: float = 0.0
) -> Build:
    return lambda p: Adam(p, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)


def adamw(
    *, lr: float = 0.1, beta1: float = 0.5, beta2: float = 0.75, eps: float = 2.0, weight_decay: float = 0.0
) -> Build:
    return lambda p: AdamW(p, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)


def rmsprop(
    *, lr: float = 0.1, alpha: float = 0.75, eps: float = 1.0, momentum: float = 0.0, weight_decay: float = 0.0
) -> Build:
    return lambda p: RMSprop(p, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)


def sgd_rule(momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0) -> Rule:
    """The same rule in Python's floats: the value after all gradients, with lr 0.1."""

    def run(value: float, gradients: list[float]) -> float:
        velocity = 0.0
        for g in gradients:
            decayed = g + weight_decay * value
            velocity = momentum * velocity + decayed
            value -= 0.1 * (decayed + momentum * velocity if nesterov else velocity)
        return value

    return run


def adam_rule(
    lr: float = 0.1, beta1: float = 0.5, beta2: float = 0.75, eps: float = 2.0, weight_decay: float = 0.0
) -> Rule:
    def run(value: float, gradients: list[float]) -> float:
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            decayed = g + weight_decay * value
            m = beta1 * m + (1 - beta1) * decayed
            v = beta2 * v + (1 - beta2) * decayed**2
            value -= lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        return value

    return run


def adamw_rule(weight_decay: float) -> Rule:
    def run(value: float, gradients: list[float]) -> float:
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g**2
            adam_step = 0.1 * (m / (1 - 0.5**t)) / (math.sqrt(v / (1 - 0.75**t)) + 2.0)
            value = value - 0.1 * weight_decay * value - adam_step
        return value

    return run


def rmsprop_rule(
    lr: float = 0.1, alpha: float = 0.75, eps: float = 1.0, momentum: float = 0.0, weight_decay: float = 0.0
) -> Rule:
    def run(value: float, gradients: list[float]) -> float:
        square = velocity = 0.0
        for g in gradients:
            decayed = g + weight_decay * value
            square = alpha * square + (1 - alpha) * decayed**2
            velocity = momentum * velocity + decayed / (math.sqrt(square) + eps)
            value -= lr * velocity
        return value

    return run


VARIANTS: dict[str, tuple[Build, Rule]] = {
    "sgd": (sgd(), sgd_rule()),
    "momentum": (sgd(momentum=0.9), sgd_rule(momentum=0.9)),
    "nesterov": (sgd(momentum=0.9, nesterov=True), sgd_rule(momentum=0.9, nesterov=True)),
    "decay": (sgd(weight_decay=0.5), sgd_rule(weight_decay=0.5)),
    "momentum and decay": (sgd(momentum=0.9, weight_decay=0.5), sgd_rule(momentum=0.9, weight_decay=0.5)),
    "nesterov and decay": (
        sgd(momentum=0.9, nesterov=True, weight_decay=0.5),
        sgd_rule(momentum=0.9, nesterov=True, weight_decay=0.5),
    ),
    "adam": (adam(), adam_rule()),
    "adam by default": (Adam, adam_rule(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8)),
    "adam and decay": (adam(weight_decay=0.5), adam_rule(weight_decay=0.5)),
    "adam without memory": (adam(beta1=0.0, beta2=0.0), adam_rule(beta1=0.0, beta2=0.0)),
    "adamw": (adamw(), adamw_rule(0.0)),
    "adamw and decay": (adamw(weight_decay=0.5), adamw_rule(0.5)),
    "rmsprop": (rmsprop(), rmsprop_rule()),
    "rmsprop by default": (RMSprop, rmsprop_rule(lr=0.01, alpha=0.99, eps=1e-8)),
    "rmsprop and momentum": (rmsprop(momentum=0.9), rmsprop_rule(momentum=0.9)),
    "rmsprop, momentum and decay": (
        rmsprop(momentum=0.9, weight_decay=0.5),
        rmsprop_rule(momentum=0.9, weight_decay=0.5),
    ),
    "rmsprop without memory": (rmsprop(alpha=0.0), rmsprop_rule(alpha=0.0)),
}
every_variant = pytest.mark.parametrize(("build", "rule"), VARIANTS.values(), ids=VARIANTS.keys())
every_optimizer = pytest.mark.parametrize("build", [build for build, _ in VARIANTS.values()], ids=VARIANTS.keys())


def test_plain_descent() -> None:
    # 1 − 0.1·0.5 = 0.95; 0.95 + 0.1·2 = 1.15
    assert after(sgd(), 1.0, [0.5, -2.0]) == pytest.approx([0.95, 1.15], rel=1e-15)


def test_two_steps_of_momentum() -> None:
    # v = 1: 1 − 0.1 = 0.9; v = 0.9 + 2 = 2.9: 0.9 − 0.29 = 0.61
    assert after(sgd(momentum=0.9), 1.0, [1.0, 2.0]) == pytest.approx([0.9, 0.61], rel=1e-15)


def test_two_steps_of_nesterov() -> None:
    # v = 1: 1 − 0.1·(1 + 0.9) = 0.81; v = 2.9: 0.81 − 0.1·(2 + 0.9·2.9) = 0.81 − 0.461 = 0.349
    assert after(sgd(momentum=0.9, nesterov=True), 1.0, [1.0, 2.0]) == pytest.approx([0.81, 0.349], rel=1e-14)


def test_two_steps_of_weight_decay() -> None:
    # g = 1 + 0.5·2 = 2: 2 − 0.2 = 1.8; g = 1 + 0.5·1.8 = 1.9: 1.8 − 0.19 = 1.61
    assert after(sgd(weight_decay=0.5), 2.0, [1.0, 1.0]) == pytest.approx([1.8, 1.61], rel=1e-15)


def test_two_steps_of_nesterov_with_weight_decay() -> None:
    # g = v = 1 + 0.5·2 = 2: 2 − 0.1·(2 + 0.9·2) = 1.62
    # g = 1 + 0.5·1.62 = 1.81, v = 0.9·2 + 1.81 = 3.61: 1.62 − 0.1·(1.81 + 0.9·3.61) = 1.62 − 0.5059 = 1.1141
    values = after(sgd(momentum=0.9, nesterov=True, weight_decay=0.5), 2.0, [1.0, 1.0])
    assert values == pytest.approx([1.62, 1.1141], rel=1e-14)


def test_two_steps_of_adam() -> None:
    # m = 0.5·2 = 1, m̂ = 1/0.5 = 2; v = 0.25·4 = 1, v̂ = 1/0.25 = 4: 1 − 0.1·2/(2 + 2) = 0.95
    # m = 0.5·1 − 0.5·2 = −0.5, m̂ = −0.5/0.75 = −2/3; v = 0.75 + 1 = 1.75, v̂ = 1.75/0.4375 = 4: 0.95 + 0.1·(2/3)/4
    assert after(adam(), 1.0, [2.0, -2.0]) == pytest.approx([0.95, 0.95 + 1 / 60], rel=1e-14)


def test_two_steps_of_adam_with_weight_decay() -> None:
    # the decayed gradients are 1 + 0.5·2 = 2 and 1.025 + 0.5·1.95 = 2, hence two steps as above: 0.1·2/(2 + 2)
    assert after(adam(weight_decay=0.5), 2.0, [1.0, 1.025]) == pytest.approx([1.95, 1.9], rel=1e-14)


@pytest.mark.parametrize("g", [1e-3, 7.0, -1e4])
def test_first_step_of_adam_is_as_long_as_the_learning_rate(g: float) -> None:
    assert after(adam(beta1=0.9, beta2=0.999, eps=1e-12), 1.0, [g]) == pytest.approx([1 - math.copysign(0.1, g)])


def test_two_steps_of_adamw() -> None:
    # Adam's steps for these gradients are 0.05 and, away from it, 1/60; before each, 0.1·0.5 of the value is lost:
    # 1·0.95 − 0.05 = 0.9; 0.9·0.95 + 1/60
    assert after(adamw(weight_decay=0.5), 1.0, [2.0, -2.0]) == pytest.approx([0.9, 0.855 + 1 / 60], rel=1e-14)


def test_adamw_without_decay_is_adam_to_the_bit() -> None:
    ours, theirs = parameters(), parameters()
    walk(adamw()(ours), range(10))
    walk(adam()(theirs), range(10))
    assert [p.value.tobytes() for p in ours] == [p.value.tobytes() for p in theirs]


def test_decay_of_adamw_is_multiplied_by_the_learning_rate_of_its_step() -> None:
    parameter = Parameter(np.array([1.0]))  # no gradient: nothing but decay
    optimizer = AdamW([parameter], lr=0.5, weight_decay=0.5)
    optimizer.step()
    optimizer.lr = 0.1
    optimizer.step()
    assert parameter.value.item() == pytest.approx(0.75 * 0.95, rel=1e-15)


def test_two_steps_of_rmsprop() -> None:
    # s = 0.25·4 = 1: 1 − 0.1·2/(1 + 1) = 0.9; s = 0.75 + 0.25·13 = 4: 0.9 + 0.1·√13/(2 + 1)
    values = after(rmsprop(), 1.0, [2.0, -math.sqrt(13)])
    assert values == pytest.approx([0.9, 0.9 + math.sqrt(13) / 30], rel=1e-14)


def test_two_steps_of_rmsprop_with_momentum() -> None:
    # v = 2/2 = 1: 1 − 0.1 = 0.9; v = 0.5 − √13/3: 0.9 − 0.05 + 0.1·√13/3
    values = after(rmsprop(momentum=0.5), 1.0, [2.0, -math.sqrt(13)])
    assert values == pytest.approx([0.9, 0.85 + math.sqrt(13) / 30], rel=1e-14)


def test_rmsprop_with_weight_decay() -> None:
    # the decayed gradient is 1 + 0.5·2 = 2, hence a step as above
    assert after(rmsprop(weight_decay=0.5), 2.0, [1.0]) == pytest.approx([1.9], rel=1e-14)


@every_variant
def test_fifty_steps_equal_scalar_arithmetic(build: Build, rule: Rule) -> None:
    found = parameters()
    walk(build(found), range(50))
    for index, (parameter, start) in enumerate(zip(found, parameters(), strict=True)):
        for position in np.ndindex(start.value.shape):
            gradients = [float(gradient(step, index)[position]) for step in range(50)]
            expected = rule(float(start.value[position]), gradients)
            assert abs(parameter.value[position] - expected) <= 1e-12 * max(1, abs(expected))


@every_variant
def test_every_element_of_a_large_parameter_is_updated_once(build: Build, rule: Rule) -> None:
    shape = (203, 197)
    parameter, gradients = Parameter(normal(0, *shape)), [normal(seed, *shape) for seed in (1, 2)]
    start = parameter.value.copy()
    optimizer = build([parameter])
    for g in gradients:
        parameter.grad[...] = g
        optimizer.step()
    by_element = np.stack(gradients, axis=-1).reshape(-1, 2).tolist()
    expected = [rule(value, pair) for value, pair in zip(start.ravel().tolist(), by_element, strict=True)]
    assert distance(parameter.value, np.reshape(expected, shape)) <= EXACT


def test_learning_rate_may_change_between_steps() -> None:
    parameter = Parameter(np.array([1.0]))
    parameter.grad[...] = 1.0
    optimizer = SGD([parameter], lr=0.1)
    optimizer.step()
    optimizer.lr = 0.01
    optimizer.step()
    assert parameter.value.item() == pytest.approx(1 - 0.1 - 0.01, rel=1e-15)


@every_optimizer
def test_single_precision_stays_single_and_near_double(build: Build) -> None:
    single, double = parameters(np.float32), parameters()
    for s, d in zip(single, double, strict=True):
        d.value[...] = s.value
    optimizer = build(single)
    walk(optimizer, range(10))
    walk(build(double), range(10))
    state = [array.dtype for slot in optimizer.state.values() for array in slot]
    assert {p.value.dtype for p in single} | set(state) == {np.dtype(np.float32)}
    for s, d in zip(single, double, strict=True):
        np.testing.assert_allclose(s.value, d.value, rtol=0, atol=1e-5)  # ten roundings and gradients', 6e-8 each


@every_optimizer
def test_step_leaves_gradients_alone(build: Build) -> None:
    ours = parameters()
    optimizer = build(ours)
    walk(optimizer, range(3))
    assert all(np.array_equal(p.grad, gradient(2, index)) for index, p in enumerate(ours))


@every_optimizer
def test_step_after_the_first_allocates_nothing_large(build: Build) -> None:
    parameter = Parameter(normal(0, 300, 300))
    parameter.grad[...] = 1.0
    optimizer = build([parameter])
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000  # bytes; a block of the parameter has 131,072


def test_rule_is_left_to_each_optimizer() -> None:
    with pytest.raises(NotImplementedError):
        Optimizer(parameters(), lr=0.1, weight_decay=0.0).step()


@every_optimizer
def test_values_are_changed_in_place(build: Build) -> None:
    ours = parameters()
    values = [p.value for p in ours]
    walk(build(ours), range(2))
    assert all(p.value is value for p, value in zip(ours, values, strict=True))


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resumed_optimizer_goes_on_bit_for_bit(build: Build, dtype: npt.DTypeLike) -> None:
    through, resumed = parameters(dtype), parameters(dtype)
    optimizer = build(through)
    walk(optimizer, range(7))
    state = optimizer.state_dict()
    for old, new in zip(through, resumed, strict=True):
        new.value[...] = old.value
    walk(optimizer, range(7, 12))  # the state put aside must not follow
    successor = build(resumed)
    successor.load_state_dict(state)
    walk(successor, range(7, 12))
    for expected, parameter in zip(through, resumed, strict=True):
        assert parameter.value.tobytes() == expected.value.tobytes()
    assert successor.steps == optimizer.steps == 12


@every_optimizer
def test_loaded_state_is_copied(build: Build) -> None:
    optimizer = build(parameters())
    walk(optimizer, range(3))
    state = optimizer.state_dict()
    before = {name: array.copy() for name, array in state.items()}
    optimizer.load_state_dict(state)
    walk(optimizer, range(3))
    assert all(np.array_equal(array, before[name]) for name, array in state.items())


def test_state_names_slots_and_counts_steps() -> None:
    optimizer = Adam(parameters())
    walk(optimizer, range(4))
    state = optimizer.state_dict()
    assert list(state) == ["steps", "m.0", "m.1", "m.2", "v.0", "v.1", "v.2"]
    assert state["steps"] == 4
    assert [state[f"m.{i}"].shape for i in range(3)] == SHAPES


def test_descent_without_momentum_keeps_no_arrays() -> None:
    assert list(SGD(parameters(), lr=0.1).state_dict()) == ["steps"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"does not fit: missing \['v\.2'\], unknown \[\]"),
        ("unknown", r"does not fit: missing \[\], unknown \['velocity\.0'\]"),
        ("shape", r"v\.2 must be float64 of shape .*, got float64 of shape \(1,\)"),
        ("dtype", r"v\.2 must be float64 of shape .*, got float32"),
        ("steps", r"steps must be int64 of shape \(\), got int64 of shape \(2,\)"),
    ],
)
def test_state_that_does_not_fit_is_refused_and_changes_nothing(fault: str, message: str) -> None:
    optimizer = Adam(parameters())
    walk(optimizer, range(3))
    before = optimizer.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    match fault:
        case "missing":
            del state["v.2"]
        case "unknown":
            state["velocity.0"] = np.zeros(3)
        case "shape":
            state["v.2"] = np.zeros((1,))
        case "dtype":
            state["v.2"] = state["v.2"].astype(np.float32)
        case "steps":
            state["steps"] = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert all(np.array_equal(array, before[name]) for name, array in optimizer.state_dict().items())


def test_state_of_another_kind_of_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not fit: missing .*m\.0.* unknown .*velocity\.0"):
        Adam(parameters()).load_state_dict(SGD(parameters(), lr=0.1, momentum=0.9).state_dict())


nan, inf = math.nan, math.inf


@pytest.mark.parametrize("build", [sgd, adam, adamw, rmsprop], ids=["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize(
    ("key", "rule", "values"),
    [
        ("lr", "must be a finite number above 0", [0.0, -0.1, nan, inf]),
        ("weight_decay", "must be a finite number, 0 or more", [-0.1, nan, inf]),
    ],
)
def test_refusal_names_key_value_and_rule(
    build: Callable[..., Build], key: str, rule: str, values: list[float]
) -> None:
    for value in values:
        with pytest.raises(ValueError, match=f"^{key} {rule}, got {value}$"):
            build(**{key: value})(parameters())


@pytest.mark.parametrize("value", [-0.1, 1.0, 2.0, nan])
def test_momentum_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"momentum must lie in [0, 1), got {value}")):
        SGD(parameters(), lr=0.1, momentum=value)
    with pytest.raises(ValueError, match=re.escape(f"momentum must lie in [0, 1), got {value}")):
        rmsprop(momentum=value)(parameters())


@pytest.mark.parametrize("value", [-0.1, 1.0, nan])
def test_alpha_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"alpha must lie in [0, 1), got {value}")):
        rmsprop(alpha=value)(parameters())


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(ValueError, match="nesterov needs a momentum above 0"):
        SGD(parameters(), lr=0.1, nesterov=True)


@pytest.mark.parametrize("value", [-0.1, 1.0, nan])
def test_betas_outside_their_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"beta1 and beta2 must lie in [0, 1), got {value} and 0.75")):
        adam(beta1=value)(parameters())
    with pytest.raises(ValueError, match=re.escape(f"beta1 and beta2 must lie in [0, 1), got 0.5 and {value}")):
        adam(beta2=value)(parameters())


@pytest.mark.parametrize("value", [0.0, -1e-8, nan])
def test_eps_that_divides_by_zero_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"eps must be above 0, got {value}"):
        adam(eps=value)(parameters())
    with pytest.raises(ValueError, match=f"eps must be above 0, got {value}"):
        rmsprop(eps=value)(parameters())
