"""Colours that mean the same in every picture: the better the lighter, the best crimson, what came to nothing grey."""

from collections.abc import Sequence

import numpy as np

BEST, NOTHING, TEXT = "crimson", "#b4b9bf", "#30363d"
COLOUR_MAP = "viridis"
_FAR, _REACH = 4.0, 3.0


def limits(accuracies: Sequence[float]) -> tuple[float, float]:
    """The range over which colours change.

    Where the worst are more than four times as far below the best as the median, it ends at three times: a few runs
    that learned nothing must not make all others look the same.

    >>> limits([0.91, 0.95, 0.97]), limits([0.1, 0.96, 0.97, 0.98])
    ((0.91, 0.97), (0.935, 0.98))
    """
    present = np.asarray([value for value in accuracies if np.isfinite(value)], dtype=np.float64)
    if not present.size:
        return 0.0, 1.0
    low, high = float(present.min()), float(present.max())
    middle = high - float(np.median(present))
    if middle > 0 and high - low > _FAR * middle:
        low = round(high - _REACH * middle, 12)
    return low, high
