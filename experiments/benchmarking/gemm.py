"""The limit: what a training step would take if it were nothing but matrix products at the machine's best rate."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from cnn_core import Conv2d, Linear, Sequential
from experiments.benchmarking.nets import IMAGE, layers

_SIDES = (512, 1024, 2048)  # of square matrices, large enough for any BLAS to do its best
_LEAST_REPETITIONS = 3


def gemm_rate(seconds: float, clock: Callable[[], float] = perf_counter) -> float:
    """The machine's largest rate of float32 `np.matmul`, in multiply-adds a second.

    Args:
        seconds: how long to look for it.
        clock: what time it is.
    """
    return max(side**3 / _shortest(side, seconds / len(_SIDES), clock) for side in _SIDES)


def _shortest(side: int, seconds: float, clock: Callable[[], float]) -> float:
    """The shortest time of a product of square matrices."""
    a = np.random.default_rng(0).standard_normal((side, side), np.float32)
    product, times = np.empty_like(a), list[float]()
    begun = clock()
    while len(times) < _LEAST_REPETITIONS or clock() - begun < seconds:
        start = clock()
        np.matmul(a, a, out=product)
        times.append(clock() - start)
    return min(times)


def training_multiply_adds(net: Sequential) -> int:
    """Multiply-adds of a training step, an image.

    The forward pass, as many again for the gradient of the weights and as many for that of the input, which the first
    layer is spared.

    >>> from experiments.benchmarking.nets import build_net
    >>> training_multiply_adds(build_net("a"))  # 3·(8·9·28·28 + 6272·128 + 128·10) - 8·9·28·28
    2525184
    """
    counts = _forward_multiply_adds(net)
    return 3 * sum(counts) - counts[0]


def _forward_multiply_adds(net: Sequential) -> list[int]:
    """An image's, of every layer that has weights to multiply with: each weight as often as there are positions."""
    net.evaluate()
    y, counts = np.zeros((1, *IMAGE), np.float32), list[int]()
    for _, layer in layers(net):
        y = layer(y)
        if isinstance(layer, Conv2d | Linear):
            positions = y[0, 0].size  # (1, O, P, Q) → P·Q, (1, O) → 1
            counts.append(layer.weight.value.size * positions)
    return counts
