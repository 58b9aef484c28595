"""A bound on how far one step's gradient may reach, whatever the batch."""

import math
from collections.abc import Iterable

import numpy as np

from cnn_core.module import Parameter
from cnn_core.parallel import blocks_of, for_each

_EPS = 1e-6  # PyTorch's: nothing is divided by 0


def clip_gradient_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    """g ← g · min(1, c / (‖g‖ + 10⁻⁶)), where ‖g‖ is the Euclidean norm of all gradients together and c is `max_norm`.

    The direction stays. Gradients whose norm is not a number stay as they are; an infinite norm makes them 0.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013, Algorithm 1, with the
    constant of PyTorch's `clip_grad_norm_`.

    Returns:
        The norm before.

    Raises:
        ValueError: `max_norm` is not above 0.

    >>> p = Parameter(np.zeros(2))
    >>> p.grad[:] = 30.0, 40.0
    >>> clip_gradient_norm([p], max_norm=5.0)
    50.0
    >>> p.grad.round(6)
    array([3., 4.])
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm}")
    gradients = [parameter.grad.reshape(-1, copy=False) for parameter in parameters]
    blocks = [gradient[part] for gradient in gradients for part in blocks_of(gradient)]
    squares = [0.0] * len(blocks)

    def square(number: int) -> None:
        squares[number] = float(np.dot(blocks[number], blocks[number]))

    size = sum(gradient.nbytes for gradient in gradients)
    for_each(square, range(len(blocks)), work=size)
    norm = math.sqrt(math.fsum(squares))  # in the order of the blocks, whichever thread came first
    scale = max_norm / (norm + _EPS)
    if scale < 1:
        for_each(lambda block: np.multiply(block, scale, out=block), blocks, work=2 * size)
    return norm
