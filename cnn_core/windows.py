"""Where a window slides along one side of an image: the arithmetic of size, stride, dilation and padding."""

import itertools
from dataclasses import dataclass

from cnn_core.layout import Array


@dataclass(frozen=True)
class Side:
    """A window of `kernel` taps along one side; position p sees p·stride + j·dilation − before for every tap j.

    Args:
        kernel: taps of the window.
        stride: elements from one position to the next.
        dilation: elements from one tap to the next.
        before: zeros in front of the side.
        after: zeros behind it.

    Raises:
        ValueError: there is no such window, step or padding.

    >>> Side(3, before=1, after=1).positions(28)
    28
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no window."""
        if min(self.kernel, self.stride, self.dilation) < 1 or min(self.before, self.after) < 0:
            raise ValueError(
                f"kernel, stride and dilation must be at least 1 and padding 0, got kernel {self.kernel}, "
                f"stride {self.stride}, dilation {self.dilation}, padding {self.before} and {self.after}"
            )

    @property
    def span(self) -> int:
        """From the first tap to the last: dilation·(kernel − 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def positions(self, size: int) -> int:
        """How many positions fit: ⌊(size + before + after − span) / stride⌋ + 1.

        Raises:
            ValueError: not even one fits.
        """
        padded = size + self.before + self.after
        if self.span > padded:
            raise ValueError(f"a kernel of {self.span} does not fit into an input of {size} padded to {padded}")
        return (padded - self.span) // self.stride + 1

    def reach(self, tap: int, size: int) -> tuple[slice, slice]:
        """The positions at which a tap sees the input rather than padding, and the elements it sees there.

        >>> Side(3, before=1, after=1).reach(0, size=28)
        (slice(1, 28, None), slice(0, 27, 1))
        """
        offset = tap * self.dilation - self.before  # position p sees element p·stride + offset
        first = max(0, -(offset // self.stride))  # ⌈−offset / stride⌉
        stop = max(first, min(self.positions(size), (size - 1 - offset) // self.stride + 1))
        start = first * self.stride + offset
        return slice(first, stop), slice(start, start + (stop - first) * self.stride, self.stride)


def taps(x: Array, rows: Side, columns: Side) -> list[Array]:
    """For each tap of an unpadded window, row by row, the element it sees at every position: views `(P, C, Q, N)`.

    Args:
        x: `(H, C, W, N)`.
        rows: the window along the height.
        columns: the window along the width.

    >>> import numpy as np
    >>> [tap.ravel().tolist() for tap in taps(np.arange(6).reshape(2, 1, 3, 1), Side(1), Side(2))]
    [[0, 1, 3, 4], [1, 2, 4, 5]]
    """
    return [
        x[rows.reach(i, x.shape[0])[1], :, columns.reach(j, x.shape[2])[1]]
        for i, j in itertools.product(range(rows.kernel), range(columns.kernel))
    ]
