"""Adaptive moment estimation."""

from collections.abc import Iterable, Mapping

import numpy as np

from cnn_core.layout import Array
from cnn_core.module import Parameter
from cnn_core.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − η·m̂ / (√v̂ + ε), with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ).

    Weight decay λ adds λθ to the gradient before the moments, as in PyTorch's Adam (L2 regularisation); `AdamW` keeps
    the two apart.

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015, Algorithm 1.

    >>> p = Parameter(np.array([1.0]))
    >>> p.grad[:] = 5.0
    >>> Adam([p], lr=0.1).step()
    >>> p.value.round(6)  # the first step is lr long, whatever the gradient
    array([0.9])
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError(f"beta1 and beta2 must lie in [0, 1), got {beta1} and {beta2}")
        if not eps > 0:
            raise ValueError(f"eps must be above 0, got {eps}")
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.add_slot("m")
        self.add_slot("v")

    def update(self, value: Array, gradient: Array, state: Mapping[str, Array], scratch: Array) -> None:
        """Apply the rule above to one block of elements."""
        g, m, v = gradient, state["m"], state["v"]
        m -= g
        m *= self.beta1
        m += g  # g + β₁(m−g) is the rule's mean, and needs no room of its own
        np.multiply(g, g, out=scratch)
        scratch *= 1 - self.beta2
        v *= self.beta2
        v += scratch
        np.divide(v, 1 - self.beta2**self.steps, out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += self.eps
        np.divide(m, scratch, out=scratch)
        scratch *= self.lr / (1 - self.beta1**self.steps)
        value -= scratch
