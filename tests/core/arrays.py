"""What the tests share: random arrays, memory layouts, what close means, and the settings of random examples."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import settings

from cnn_core import Module

Array = npt.NDArray[Any]

EXACT = 1e-12  # float64: some thousand roundings of 1.1e-16
SINGLE = 1e-5  # float32: some hundred roundings of 6e-8


def examples(count: int) -> settings:
    """That many random examples, the same ones every time and on every machine."""
    return settings(max_examples=count, derandomize=True, deadline=None)


def normal(seed: int, *shape: int, dtype: npt.DTypeLike = np.float64) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def distance(actual: Array, expected: Array) -> float:
    """Largest difference in units of the largest magnitude, 1 at least.

    A sum's rounding error grows with its terms, not with the sum, which may have cancelled to nearly nothing.
    """
    assert actual.shape == expected.shape
    difference = np.abs(actual.astype(np.float64) - expected)
    return float(np.max(difference, initial=0) / np.max(np.abs(expected), initial=1))


def randomize(module: Module, seed: int) -> None:
    """Give every parameter, biases too, normal values other than those it was built with."""
    for number, parameter in enumerate(module.parameters()):
        parameter.value[...] = normal(1000 * seed + number, *parameter.value.shape)


def _c_contiguous(x: Array) -> Array:
    return x.copy(order="C")


def _fortran(x: Array) -> Array:
    return x.copy(order="F")


def _batch_last(x: Array) -> Array:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


def _rows_first(x: Array) -> Array:
    return x.transpose(2, 1, 3, 0).copy().transpose(3, 1, 0, 2) if x.ndim == 4 else _batch_last(x)


def _every_other(x: Array) -> Array:
    wide = np.full(tuple(2 * side + 1 for side in x.shape), np.nan, x.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def _backwards(x: Array) -> Array:
    turn = tuple(slice(None, None, -1) for _ in x.shape)
    return x[turn].copy()[turn]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C-contiguous": _c_contiguous,
    "Fortran": _fortran,
    "batch last": _batch_last,
    "rows first, batch last": _rows_first,
    "every other element": _every_other,
    "negative strides": _backwards,
}
