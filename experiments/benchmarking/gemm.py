"""The limit: what a training step would take if it were nothing but matrix products at the machine's best rate."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from cnn_core import Sequential, summary
from experiments.benchmarking.nets import IMAGE

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
    counts = [layer.multiply_adds for layer in summary(net, IMAGE).layers if layer.multiply_adds]
    return 3 * sum(counts) - counts[0]
