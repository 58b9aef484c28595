"""Stochastic gradient descent, with momentum."""

from collections.abc import Iterable, Mapping

import numpy as np

from cnn_core.layout import Array
from cnn_core.module import Parameter
from cnn_core.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """g ← g + λθ;  v ← μv + g;  θ ← θ − ηv, or with Nesterov's look-ahead θ ← θ − η(g + μv).

    η is `lr`, μ `momentum`, λ `weight_decay`. The learning rate multiplies the velocity, and the first velocity is the
    gradient: PyTorch's variant, not Sutskever's (which scales the gradient by η before it enters v).

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    >>> p = Parameter(np.array([1.0]))
    >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     p.grad[:] = 1.0
    ...     optimizer.step()
    >>> p.value  # 1 - 0.1·1 - 0.1·1.9
    array([0.71])
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum = momentum
        self.nesterov = nesterov
        if momentum:
            self.add_slot("velocity")

    def update(self, value: Array, gradient: Array, state: Mapping[str, Array], scratch: Array) -> None:
        """Apply the rule above to one block of elements."""
        g = gradient
        if self.momentum:
            v = state["velocity"]
            v *= self.momentum
            v += g
            g = self._ahead(g, v, scratch) if self.nesterov else v
        np.multiply(g, self.lr, out=scratch)
        value -= scratch

    def _ahead(self, g: Array, v: Array, out: Array) -> Array:
        """g + μv, where the next step would begin if it went on as this one."""
        np.multiply(v, self.momentum, out=out)
        out += g
        return out
