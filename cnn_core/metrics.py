"""Figures of merit that are counted, not differentiated."""

from cnn_core.layout import Array


def accuracy(logits: Array, labels: Array) -> float:
    """Share of images whose largest logit is that of their label; the first one of equals counts.

    Args:
        logits: `(N, classes)`.
        labels: `(N,)` integers.

    Raises:
        ValueError: there are no images, or the shapes do not fit.

    >>> import numpy as np
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(f"accuracy needs logits (N, classes) and labels (N,), got {logits.shape} and {labels.shape}")
    return float((logits.argmax(axis=1) == labels).mean())
