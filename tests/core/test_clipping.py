"""Clipping: by hand, over all gradients together, and the same bits on every number of threads."""

import math
import re
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from cnn_core import Parameter, clip_gradient_norm, parallel
from tests.core.arrays import EXACT, SINGLE, Array, distance, examples, normal


def parameters(*gradients: Array) -> list[Parameter]:
    made = [Parameter(np.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(made, gradients, strict=True):
        parameter.grad[...] = gradient
    return made


def test_norm_is_that_of_all_gradients_together() -> None:
    first, second = parameters(np.array([[2.0], [3.0]]), np.array(6.0))  # √(4 + 9 + 36) = 7
    assert clip_gradient_norm([first, second], 3.5) == pytest.approx(7, rel=1e-15)
    shrunk = 3.5 / (7 + 1e-6)
    assert first.grad.ravel().tolist() == pytest.approx([2 * shrunk, 3 * shrunk], rel=1e-15)
    assert second.grad.item() == pytest.approx(6 * shrunk, rel=1e-15)


@pytest.mark.parametrize("max_norm", [7.1, 100.0, math.inf])
def test_shorter_gradients_stay_as_they_are(max_norm: float) -> None:
    ours = parameters(np.array([2.0, 3.0]), np.array([6.0]))
    assert clip_gradient_norm(ours, max_norm) == pytest.approx(7, rel=1e-15)
    assert [p.grad.tolist() for p in ours] == [[2.0, 3.0], [6.0]]


def test_gradients_of_nothing_but_zeros_stay() -> None:
    ours = parameters(np.zeros(3))
    assert clip_gradient_norm(ours, 1e-9) == 0
    assert not ours[0].grad.any()


def test_without_parameters_the_norm_is_zero() -> None:
    assert clip_gradient_norm([], 1.0) == 0


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, EXACT), (np.float32, SINGLE)])
@examples(20)
@given(rows=st.integers(1, 300), columns=st.integers(1, 300), max_norm=st.sampled_from([0.01, 1.0, 50.0]))
def test_large_gradients(rows: int, columns: int, max_norm: float, dtype: npt.DTypeLike, tolerance: float) -> None:
    gradients = [normal(rows, rows, columns, dtype=dtype), normal(columns, 7, dtype=dtype)]
    expected = math.sqrt(math.fsum(x * x for gradient in gradients for x in gradient.ravel().tolist()))
    ours = parameters(*gradients)
    assert clip_gradient_norm(ours, max_norm) == pytest.approx(expected, rel=tolerance)
    for parameter, gradient in zip(ours, gradients, strict=True):
        assert parameter.grad.dtype == dtype
        assert distance(parameter.grad, gradient * min(1, max_norm / (expected + 1e-6))) <= tolerance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_number_of_threads(dtype: npt.DTypeLike) -> None:
    def clipped(count: int) -> tuple[float, list[bytes]]:
        ours = parameters(*(normal(seed, 301, 257, dtype=dtype) for seed in range(3)))
        with parallel.threads(count), threadpool_limits(1, user_api="blas"):
            return clip_gradient_norm(ours, 1.0), [p.grad.tobytes() for p in ours]

    expected = clipped(1)
    assert all(clipped(count) == expected for count in (2, 3, 7))


def test_nothing_large_is_allocated() -> None:
    ours = parameters(normal(0, 300, 300))
    clip_gradient_norm(ours, 2.0)
    tracemalloc.start()
    clip_gradient_norm(ours, 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000  # bytes; the gradient has 720,000


def test_infinite_norm_leaves_no_step_and_an_unknown_one_leaves_the_gradients() -> None:
    (infinite,), (unknown,) = parameters(np.array([1.0, 1e200])), parameters(np.array([1.0, math.nan]))
    with np.errstate(over="ignore"):
        assert clip_gradient_norm([infinite], 1.0) == math.inf
    assert infinite.grad.tolist() == [0, 0]
    assert math.isnan(clip_gradient_norm([unknown], 1.0))
    assert unknown.grad[0] == 1


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_bound_that_is_none_is_refused(max_norm: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"max_norm must be above 0, got {max_norm}")):
        clip_gradient_norm(parameters(np.ones(2)), max_norm)
