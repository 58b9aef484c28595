"""Figures of merit that are counted, not differentiated."""

from cnn_core.layout import Array


def accuracy(logits: Array, labels: Array) -> float:
    """Share of images whose largest logit is that of their label; the first one of equals counts.

    Args:
        logits: `(N, classes)`.
        labels: `(N,)` integers.

    Raises:
        ValueError: there are no images, or the counts differ.

    >>> import numpy as np
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if len(labels) == 0 or len(logits) != len(labels):
        raise ValueError(
            f"accuracy needs as many labels as logits and at least one, got {len(labels)} and {len(logits)}"
        )
    return float((logits.argmax(axis=1) == labels).mean())
