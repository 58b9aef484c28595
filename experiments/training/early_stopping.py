"""When to stop early: a function of the recorded losses alone, so that a run taken up again decides as before."""

from collections.abc import Sequence
from math import inf


def stop_reason(losses: Sequence[float], *, patience: int, min_improvement: float) -> str | None:
    """Say why training ends after these epochs, or None while it goes on.

    It ends when for `patience` epochs no validation loss was more than `min_improvement` below the best one. Best is
    the last that was: a loss that falls slowly still counts once it has fallen far enough.

    Args:
        losses: on the validation images, after every epoch from the first.
        patience: in epochs, 1 or more.
        min_improvement: 0 or more.

    Source: Goodfellow, Bengio & Courville, "Deep Learning", 2016, Algorithm 7.1, with a margin; but the weights
    that are kept are the last epoch's, not the best's.

    >>> stop_reason([0.9, 0.5, 0.6, 0.55], patience=2, min_improvement=0.0)
    'val/loss has not fallen below the 0.5000 of epoch 2 for 2 epochs'
    >>> stop_reason([0.9, 0.5, 0.6, 0.4], patience=2, min_improvement=0.0)
    """
    best, best_epoch = inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_improvement:
            best, best_epoch = loss, epoch
    waited = len(losses) - best_epoch
    if waited < patience:
        return None
    margin = f" by more than {min_improvement:g}" if min_improvement else ""
    epochs = "1 epoch" if waited == 1 else f"{waited} epochs"
    return f"val/loss has not fallen below the {best:.4f} of epoch {best_epoch}{margin} for {epochs}"
