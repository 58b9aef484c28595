"""Update rules: every value after every one of many steps, from the same values and gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import SGD, Adam, AdamW, Optimizer, Parameter, RMSprop, clip_gradient_norm
from tests.core.arrays import examples, normal
from tests.parity.compare import assert_same, both_dtypes, tensor

STEPS = 25
SHAPES = [(3, 2, 2), (5,), (7, 4), ()]

Settings = dict[str, Any]

seeds = st.integers(0, 10**6)
decays = st.sampled_from([0.0, 0.0005, 0.3])
beta1s = st.sampled_from([0.0, 0.5, 0.9])
beta2s = st.sampled_from([0.5, 0.9, 0.999])  # with 0, one small gradient divides: no rounding is small then
many_eps = st.sampled_from([1e-8, 1e-3])


def torch_adam(tensors: list[torch.Tensor], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(tensors, betas=(beta1, beta2), **settings)


def torch_adamw(tensors: list[torch.Tensor], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(tensors, betas=(beta1, beta2), **settings)


def assert_same_walk(
    ours: Callable[..., Optimizer],
    theirs: Callable[..., torch.optim.Optimizer],
    settings: Settings,
    *,
    seed: int,
    dtype: npt.DTypeLike,
    max_norm: float = 0.0,
) -> None:
    """Take the same steps with both, at a learning rate that falls, and compare all values after each.

    Above 0, `max_norm` clips the gradients first.
    """
    parameters = [Parameter(normal(seed + i, *shape, dtype=dtype)) for i, shape in enumerate(SHAPES)]
    tensors = [tensor(parameter.value, requires_grad=True) for parameter in parameters]
    optimizer, reference = ours(parameters, **settings), theirs(tensors, **settings)
    for step in range(STEPS):
        for i, (parameter, t) in enumerate(zip(parameters, tensors, strict=True)):
            parameter.grad[...] = normal(seed + 100 * step + i + 50, *parameter.grad.shape, dtype=dtype)
            t.grad = tensor(parameter.grad)
        if max_norm:
            norm = clip_gradient_norm(parameters, max_norm)
            assert_same(np.asarray(norm, dtype), torch.nn.utils.clip_grad_norm_(tensors, max_norm), "norm")
        optimizer.lr = reference.param_groups[0]["lr"] = settings["lr"] / (1 + step / 10)
        optimizer.step()
        reference.step()
        for parameter, t in zip(parameters, tensors, strict=True):
            assert_same(parameter.value, t, f"step {step + 1}, {parameter.value.shape}")


@both_dtypes
@examples(15)
@given(
    settings=st.fixed_dictionaries(
        {"lr": st.sampled_from([0.1, 0.01]), "momentum": st.sampled_from([0.0, 0.5, 0.99]), "weight_decay": decays}
    ),
    seed=seeds,
)
def test_sgd(settings: Settings, seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_walk(SGD, torch.optim.SGD, settings, seed=seed, dtype=dtype)


@both_dtypes
@examples(15)
@given(
    settings=st.fixed_dictionaries(
        {"lr": st.sampled_from([0.1, 0.01]), "momentum": st.sampled_from([0.5, 0.9, 0.99]), "weight_decay": decays}
    ),
    seed=seeds,
)
def test_nesterov(settings: Settings, seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_walk(SGD, torch.optim.SGD, {**settings, "nesterov": True}, seed=seed, dtype=dtype)


@both_dtypes
@examples(15)
@given(
    settings=st.fixed_dictionaries(
        {
            "lr": st.sampled_from([0.01, 0.001]),
            "alpha": st.sampled_from([0.5, 0.9, 0.99]),
            "eps": many_eps,
            "momentum": st.sampled_from([0.0, 0.5, 0.9]),
            "weight_decay": decays,
        }
    ),
    seed=seeds,
)
def test_rmsprop(settings: Settings, seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_walk(RMSprop, torch.optim.RMSprop, settings, seed=seed, dtype=dtype)


adam_settings = st.fixed_dictionaries(
    {"lr": st.sampled_from([0.1, 0.001]), "beta1": beta1s, "beta2": beta2s, "eps": many_eps, "weight_decay": decays}
)


@both_dtypes
@examples(15)
@given(settings=adam_settings, seed=seeds)
def test_adam(settings: Settings, seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_walk(Adam, torch_adam, settings, seed=seed, dtype=dtype)


@both_dtypes
@examples(15)
@given(settings=adam_settings, seed=seeds)
def test_adamw(settings: Settings, seed: int, dtype: npt.DTypeLike) -> None:
    assert_same_walk(AdamW, torch_adamw, settings, seed=seed, dtype=dtype)


@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        (RMSprop, torch.optim.RMSprop, {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.01}),
        (Adam, torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.01}),
        (AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.01}),
    ],
    ids=["sgd", "rmsprop", "adam", "adamw"],
)
@pytest.mark.parametrize("max_norm", [0.01, 7.0, 100.0])  # always, now and then, never
@both_dtypes
def test_clipped(
    ours: Callable[..., Optimizer],
    theirs: Callable[..., torch.optim.Optimizer],
    settings: Settings,
    max_norm: float,
    dtype: npt.DTypeLike,
) -> None:
    assert_same_walk(ours, theirs, settings, seed=1, dtype=dtype, max_norm=max_norm)
