"""What training makes small."""

import numpy as np

from cnn_core.layout import Array


class CrossEntropyLoss:
    """Mean cross-entropy between softmax(z) and the labels, from logits z.

    L = −1/N Σₙₖ qₙₖ log softmax(zₙ)ₖ, where q = (1−ε)·onehot(y) + ε/K is the label smoothed over the K classes by ε,
    `label_smoothing`. With ε = 0 it is the labels' negative log likelihood, 1/N Σₙ (log Σₖ exp zₙₖ − zₙ,yₙ). The
    logarithm of the sum is taken after subtracting each row's largest logit, so no exponential overflows and no
    probability is clipped.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7 (smoothing).

    >>> loss = CrossEntropyLoss()
    >>> round(loss.forward(np.array([[0.0, 0.0]]), np.array([1])), 6)
    0.693147
    >>> loss.backward()
    array([[ 0.5, -0.5]])
    >>> smoothed = CrossEntropyLoss(label_smoothing=0.5)
    >>> round(smoothed.forward(np.log([[0.25, 0.75]]), np.array([1])), 6)  # -0.25·log 0.25 - 0.75·log 0.75
    0.562335
    >>> bool(np.allclose(smoothed.backward(), 0))  # these logits are right already
    True
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
        self.label_smoothing = label_smoothing

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
        expected = shifted[np.arange(count), labels]  # Σₖ qₖzₖ
        if self.label_smoothing:
            expected = (1 - self.label_smoothing) * expected + self.label_smoothing * shifted.mean(axis=1)
        losses = np.log(totals[:, 0]) - expected
        mean = losses.sum(dtype=np.result_type(losses, np.float64)) / count
        return mean.item()  # type: ignore[no-any-return]  # complex in a gradient check

    def backward(self) -> Array:
        """∂L/∂z = (softmax(z) − q) / N, of shape `(N, classes)`."""
        count, classes = self._probabilities.shape
        gradient: Array = self._probabilities - self.label_smoothing / classes
        gradient[np.arange(count), self._labels] -= 1 - self.label_smoothing
        gradient /= count
        return gradient
