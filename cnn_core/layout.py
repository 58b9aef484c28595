"""How arrays lie in memory: the batch innermost.

Public shapes have the batch first, `(N, C, H, W)` and `(N, F)`. The memory behind them has it last, `(C, H, W, N)` and
`(F, N)`, so that every slice a convolution or a pooling takes is hundreds of floats long and a GEMM needs no
transposed copy. The two are views of each other; nothing here ever copies.

Letters used throughout the package: N images, C input channels, O output channels, H×W input, P×Q output,
kh×kw kernel, K = C·kh·kw, F features.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def batch_last(x: Array) -> Array:
    """View `(N, ...)` as `(..., N)`.

    >>> batch_last(np.zeros((64, 1, 28, 28))).shape
    (1, 28, 28, 64)
    """
    return np.moveaxis(x, 0, -1)


def batch_first(x: Array) -> Array:
    """View `(..., N)` as `(N, ...)`.

    >>> batch_first(np.zeros((1, 28, 28, 64))).shape
    (64, 1, 28, 28)
    """
    return np.moveaxis(x, -1, 0)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Read one number as the same number for height and width.

    >>> pair(3), pair((3, 5))
    ((3, 3), (3, 5))
    """
    return (value, value) if isinstance(value, int) else value


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Positions a window takes along one side: ⌊(size + 2·padding - kernel) / stride⌋ + 1.

    Raises:
        ValueError: the window is larger than the padded side, or there is no such window, step or padding.

    >>> output_size(28, kernel=3, stride=1, padding=1)
    28
    """
    if min(kernel, stride) < 1 or padding < 0:
        raise ValueError(f"kernel and stride must be at least 1 and padding 0, got {kernel}, {stride} and {padding}")
    padded = size + 2 * padding
    if kernel > padded:
        raise ValueError(f"a kernel of {kernel} does not fit into an input of {size} padded to {padded}")
    return (padded - kernel) // stride + 1
