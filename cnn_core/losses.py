"""What training makes small."""

import numpy as np

from cnn_core.layout import Array


class CrossEntropyLoss:
    """Mean negative log likelihood of the labels, from logits.

    L = 1/N Σₙ (log Σₖ exp zₙₖ − zₙ,yₙ). The logarithm of the sum is taken after subtracting each row's largest logit,
    so no exponential overflows and no probability is clipped.

    >>> loss = CrossEntropyLoss()
    >>> round(loss.forward(np.array([[0.0, 0.0]]), np.array([1])), 6)
    0.693147
    >>> loss.backward()
    array([[ 0.5, -0.5]])
    """

    def forward(self, logits: Array, labels: Array) -> float:
        """The mean loss of a batch, summed in double precision.

        Args:
            logits: `(N, classes)`.
            labels: `(N,)` integers below `classes`.

        Raises:
            ValueError: there are no logits, counts differ, or a label is no integer or out of range.
        """
        if logits.ndim != 2 or len(logits) == 0:
            raise ValueError(f"logits must be (N, classes) with at least one row, got {logits.shape}")
        count, classes = logits.shape
        if labels.shape != (count,):
            raise ValueError(f"{count} rows of logits need labels of shape ({count},), got {labels.shape}")
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"labels must be integers, got {labels.dtype}")
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"labels must lie in 0..{classes - 1}, got {labels.min()}..{labels.max()}")
        # A complex logit (gradcheck) is ranked by its real part; the shift cancels exactly.
        shifted = logits - logits.real.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        totals = exponentials.sum(axis=1, keepdims=True)
        self._probabilities = exponentials / totals
        self._labels = labels
        losses = np.log(totals[:, 0]) - shifted[np.arange(count), labels]
        mean = losses.sum(dtype=np.result_type(losses, np.float64)) / count
        return mean.item()  # type: ignore[no-any-return]

    def backward(self) -> Array:
        """∂L/∂z = (softmax(z) − onehot(y)) / N, of shape `(N, classes)`."""
        count = len(self._labels)
        gradient: Array = self._probabilities.copy()
        gradient[np.arange(count), self._labels] -= 1
        gradient /= count
        return gradient
