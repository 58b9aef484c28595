"""The error function, which NumPy lacks: Taylor's series about the nearest of many knots.

Its values at the knots come from Python's own `math.erf`, its derivatives there from their recurrence, so there is no
table of magic numbers. It costs a look-up and a multiply-add for each term.
"""

import math
from functools import cache

import numpy as np

from cnn_core.buffers import Buffers
from cnn_core.layout import Array

_KNOTS_PER_UNIT = 64  # a power of two: the distance to a knot is then exact
_SLOPE_AT_0 = 2 / math.sqrt(math.pi)


def erf(x: Array, *, out: Array, buffers: Buffers) -> None:
    """erf x = 2/√π ∫₀ˣ exp(−t²) dt, within two units in the last place; float32 and float64.

    Also analytic near the real axis, for gradient checks: erf(x + ih) = erf x + ih · 2/√π · exp(−x²) + O(h²).

    Args:
        x: of any shape; may be `out` itself.
        out: of x's shape and dtype.
        buffers: where temporary arrays lie.

    Source: Taylor; derivatives from Abramowitz & Stegun, "Handbook of Mathematical Functions", 7.1.19.

    >>> y = np.array([0.0, 1.0, -9.0])
    >>> erf(y, out=y, buffers=Buffers())
    >>> y
    array([ 0.        ,  0.84270079, -1.        ])
    """
    if np.iscomplexobj(x):
        slope = _SLOPE_AT_0 * np.exp(-np.square(x.real))
        np.multiply(x.imag, slope, out=out.imag)
        _real_erf(x.real, out=out.real, buffers=buffers)
    else:
        _real_erf(x, out=out, buffers=buffers)


def _real_erf(x: Array, *, out: Array, buffers: Buffers) -> None:
    limit, coefficients = _taylor(x.dtype)
    distance, sum_, term = (buffers.empty(x.shape, x.dtype) for _ in range(3))
    knot = buffers.empty(x.shape, np.intp)
    np.abs(x, out=distance)
    np.minimum(distance, limit, out=distance)
    np.fmin(distance, limit, out=term)  # NaN has a knot, too: it stays in the distance
    term *= _KNOTS_PER_UNIT
    np.rint(term, out=term)
    knot[...] = term
    term /= _KNOTS_PER_UNIT
    distance -= term
    sum_[...] = 0
    for row in reversed(coefficients):  # Horner's scheme
        sum_ *= distance
        np.take(row, knot, out=term, mode="clip")  # the other modes allocate
        sum_ += term
    np.copysign(sum_, x, out=out)


@cache
def _taylor(dtype: np.dtype[np.generic]) -> tuple[float, Array]:
    """Where erf is 1 to rounding, and row n of `(degree + 1, knots)`: erf⁽ⁿ⁾ / n! at every knot up to there."""
    limit, degree = (4, 3) if dtype == np.float32 else (6, 7)
    x = np.arange(limit * _KNOTS_PER_UNIT + 1) / _KNOTS_PER_UNIT
    rows = [np.array([math.erf(knot) for knot in x])]
    before, derivative = np.zeros_like(x), _SLOPE_AT_0 * np.exp(-x * x)
    for n in range(1, degree + 1):
        rows.append(derivative / math.factorial(n))
        before, derivative = derivative, -2 * x * derivative - 2 * (n - 1) * before  # as Hermite's polynomials
    return limit, np.array(rows, dtype)
