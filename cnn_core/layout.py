"""How arrays lie in memory: rows of an image first, the batch innermost.

Public shapes have the batch first, `(N, C, H, W)` and `(N, F)`. The memory behind them is `(H, C, W, N)` and `(F, N)`.
The batch innermost makes every slice that a convolution or a pooling takes long and contiguous. The rows outermost put
all that a row of output needs next to each other: rows h … h + kh of all channels are one matrix, ready for a GEMM. The
two orders are views of each other; nothing here ever copies.

Letters used throughout the package: N images, C input channels, O output channels, H×W input, P×Q output,
kh×kw kernel, G groups, F features.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def batch_last(x: Array) -> Array:
    """View `(N, C, H, W)` as `(H, C, W, N)`, and `(N, ...)` of other ranks as `(..., N)`.

    >>> batch_last(np.zeros((64, 1, 28, 30))).shape
    (28, 1, 30, 64)
    """
    return x.transpose(2, 1, 3, 0) if x.ndim == 4 else np.moveaxis(x, 0, -1)


def batch_first(x: Array) -> Array:
    """View `(H, C, W, N)` as `(N, C, H, W)`, and `(..., N)` of other ranks as `(N, ...)`.

    >>> batch_first(np.zeros((28, 1, 30, 64))).shape
    (64, 1, 28, 30)
    """
    return x.transpose(3, 1, 0, 2) if x.ndim == 4 else np.moveaxis(x, -1, 0)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Read one number as the same number for height and width.

    >>> pair(3), pair((3, 5))
    ((3, 3), (3, 5))
    """
    return (value, value) if isinstance(value, int) else value
