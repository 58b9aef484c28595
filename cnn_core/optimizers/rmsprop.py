"""Gradient descent with each weight's step divided by the size of its recent gradients."""

from collections.abc import Iterable, Mapping

import numpy as np

from cnn_core.layout import Array
from cnn_core.module import Parameter
from cnn_core.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """g ← g + λθ;  s ← αs + (1−α)g²;  v ← μv + g / (√s + ε);  θ ← θ − ηv.

    η is `lr`, α `alpha`, ε `eps`, μ `momentum`, λ `weight_decay`. PyTorch's variant: s begins at 0 and is not corrected
    for it, so the first steps are up to 1/√(1−α) times as long as later ones; ε stands outside the root; the momentum
    is that of the divided gradients, and the learning rate multiplies it when it is applied.

    Source: Tieleman & Hinton, "Neural Networks for Machine Learning", 2012, Lecture 6.5 (without momentum and decay).

    >>> p = Parameter(np.array([1.0]))
    >>> p.grad[:] = 5.0
    >>> RMSprop([p], lr=0.01).step()
    >>> p.value.round(6)  # 1 - 0.01 / √0.01
    array([0.9])
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        if not 0 <= alpha < 1:
            raise ValueError(f"alpha must lie in [0, 1), got {alpha}")
        if not eps > 0:
            raise ValueError(f"eps must be above 0, got {eps}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        self.add_slot("s")
        if momentum:
            self.add_slot("velocity")

    def update(self, value: Array, gradient: Array, state: Mapping[str, Array], scratch: Array) -> None:
        """Apply the rule above to one block of elements."""
        g, s = gradient, state["s"]
        np.multiply(g, g, out=scratch)
        scratch *= 1 - self.alpha
        s *= self.alpha
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.eps
        np.divide(g, scratch, out=scratch)
        if self.momentum:
            v = state["velocity"]
            v *= self.momentum
            v += scratch
            scratch[...] = v
        scratch *= self.lr
        value -= scratch
