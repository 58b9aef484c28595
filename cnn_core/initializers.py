"""First values of weights. All chance comes from the generator that is handed in."""

import math

import numpy as np
import numpy.typing as npt

from cnn_core.layout import Array


def he_normal(
    shape: tuple[int, ...], *, fan_in: int, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32
) -> Array:
    """Draw from N(0, 2 / fan_in), which keeps the variance of activations through ReLU layers.

    Drawn in float64 and rounded, so that networks of every dtype start from the same point.

    Source: He et al., "Delving Deep into Rectifiers", 2015, eq. 10 (forward form).

    >>> w = he_normal((1000, 50), fan_in=50, rng=np.random.default_rng(0))
    >>> w.dtype, round(float(w.std()), 2)
    (dtype('float32'), 0.2)
    """
    return (rng.standard_normal(shape) * math.sqrt(2.0 / fan_in)).astype(dtype)
