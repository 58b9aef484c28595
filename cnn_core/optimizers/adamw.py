"""Adam with weight decay that its moments know nothing of."""

from cnn_core.layout import Array
from cnn_core.optimizers.adam import Adam


class AdamW(Adam):
    """θ ← θ − ηλθ, then Adam's step along the gradient alone.

    Adam divides by the size of recent gradients, and with them the decay that is part of them: weights with large
    gradients hardly decay. Here all decay alike. The learning rate multiplies the decay, as in PyTorch; the paper
    scales both by a schedule's factor only.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019, Algorithm 2.

    >>> from cnn_core.module import Parameter
    >>> import numpy as np
    >>> p = Parameter(np.array([1.0]))
    >>> p.grad[:] = 5.0
    >>> AdamW([p], lr=0.1, weight_decay=0.5).step()
    >>> p.value.round(6)  # 1 - 0.1·0.5·1, then Adam's first step, 0.1 long
    array([0.85])
    """

    def decayed(self, value: Array, gradient: Array) -> Array:
        """Let the values decay; the gradient has no part in it."""
        value *= 1 - self.lr * self.weight_decay
        return gradient
