"""From bursts to figures: medians, quartiles, ratios."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """A median between the lower and the upper quartile."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Summarise values by their quartiles.

    >>> spread([1.0, 2.0, 3.0, 4.0, 100.0])
    Spread(low=2.0, median=3.0, high=4.0)
    """
    return Spread(*np.quantile(values, [0.25, 0.5, 0.75]).tolist())


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Summarise the ratios within each round: what slows the machine down for a while is in both of its terms.

    >>> ratio([1.0, 2.0, 30.0], [2.0, 4.0, 60.0])
    Spread(low=0.5, median=0.5, high=0.5)
    """
    return spread([own / other for own, other in zip(ours, theirs, strict=True)])


def fastest(bursts: Mapping[str, Sequence[float]]) -> str:
    """Whose median is the lowest.

    >>> fastest({"contiguous": [3.0, 3.0, 9.0], "channels_last": [4.0, 4.0, 1.0]})
    'contiguous'
    """
    return min(bursts, key=lambda name: median(bursts[name]))
