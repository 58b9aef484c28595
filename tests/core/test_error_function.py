"""The error function against Python's own, and near the real axis."""

import math

import numpy as np
import pytest

from cnn_core import Buffers
from cnn_core.error_function import erf
from tests.core.arrays import Array

EVERYWHERE = np.concatenate([np.linspace(-7, 7, 20_001), np.logspace(-300, 1, 2_000), -np.logspace(-300, 1, 2_000)])


def erf_of(x: Array) -> Array:
    y = np.empty_like(x)
    erf(x, out=y, buffers=Buffers())
    return y


@pytest.mark.parametrize(("dtype", "units"), [(np.float64, 2.0), (np.float32, 2.2)])
def test_it_is_right_to_the_last_places(dtype: type[np.float64 | np.float32], units: float) -> None:
    x = EVERYWHERE.astype(dtype)
    expected = np.array([math.erf(value) for value in x])
    unit = np.spacing(np.maximum(np.abs(expected), np.finfo(dtype).tiny).astype(dtype))
    assert (np.abs(erf_of(x).astype(np.float64) - expected) / unit).max() <= units


def test_it_is_odd_and_ends_at_one() -> None:
    x = np.array([0.0, 0.3, 5.0, 6.0, 40.0, 1e300, math.inf])
    assert erf_of(-x).tolist() == (-erf_of(x)).tolist()
    assert erf_of(x)[3:].tolist() == [1.0] * 4
    assert math.copysign(1, erf_of(np.array([-0.0])).item()) == -1


def test_nan_stays_nan_without_a_warning() -> None:
    assert np.isnan(erf_of(np.array([math.nan, 1.0], np.float32))).tolist() == [True, False]


def test_result_may_be_written_over_the_argument() -> None:
    x = EVERYWHERE.copy()
    erf(x, out=x, buffers=Buffers())
    assert x.tobytes() == erf_of(EVERYWHERE).tobytes()


def test_a_step_off_the_real_axis_yields_the_derivative() -> None:
    # (erf(x + δ) − erf(x − δ)) / 2δ, by Python's erf, is right to some 1e-10
    x, delta = np.linspace(-3, 3, 61), 1e-5
    expected = [(math.erf(v + delta) - math.erf(v - delta)) / (2 * delta) for v in x]
    moved = erf_of(x + 1e-30j)
    np.testing.assert_allclose(moved.imag / 1e-30, expected, rtol=0, atol=1e-9)
    assert moved.real.tobytes() == erf_of(x).tobytes()
