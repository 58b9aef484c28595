"""A smooth fall over the whole training."""

from math import cos, pi

from cnn_core.schedules.schedule import Schedule


class CosineSchedule(Schedule):
    """f = F + (1−F)·(1 + cos(πt/T))/2, with t the steps since the warm-up, T all of them and F `final_fraction`.

    PyTorch's `CosineAnnealingLR(T_max=T, eta_min=F·lr)`, stepped after every batch. The last step's t is T−1: F itself
    would be that of the step after it. There are no restarts.

    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5.

    >>> schedule = CosineSchedule()
    >>> [round(schedule.factor(step, steps_per_epoch=2, total_steps=4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """

    def __init__(self, *, final_fraction: float = 0.0, warmup_epochs: float = 0.0) -> None:
        super().__init__(warmup_epochs=warmup_epochs)
        if not 0 <= final_fraction <= 1:
            raise ValueError(f"final_fraction must lie in [0, 1], got {final_fraction}")
        self.final_fraction = final_fraction

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:  # noqa: ARG002  # a schedule's
        """The cosine at this share of the steps."""
        return cosine_between(1.0, self.final_fraction, step / total_steps)


def cosine_between(start: float, end: float, progress: float) -> float:
    """From start to end along half a period of a cosine, level at both.

    >>> round(cosine_between(1.0, 0.2, 0.5), 12)
    0.6
    """
    return end + (start - end) * (1 + cos(pi * progress)) / 2
