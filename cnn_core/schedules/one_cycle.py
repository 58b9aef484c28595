"""A rise to the peak and a long fall to almost nothing."""

from cnn_core.schedules.cosine import cosine_between
from cnn_core.schedules.schedule import Schedule


class OneCycleSchedule(Schedule):
    """From `start_fraction` to 1 and on to `final_fraction`, along half a cosine each.

    With T steps after the warm-up, the peak is at step ρT−1, where ρ is `rise_fraction`, and the end at step T−1.

    PyTorch's `OneCycleLR(max_lr, total_steps=T, pct_start=ρ, div_factor=1 / start_fraction, cycle_momentum=False,
    final_div_factor=start_fraction / final_fraction)`, stepped after every batch. What differs: the momentum stays as
    it is, and `final_fraction` is a share of the peak, not of the start. It rises by itself; a warm-up before it leads
    up to its start.

    Source: Smith & Topin, "Super-Convergence", 2018, with cosines for their straight lines and no third phase.

    >>> schedule = OneCycleSchedule(start_fraction=0.2, rise_fraction=0.5, final_fraction=0.0)
    >>> [round(schedule.factor(step, steps_per_epoch=6, total_steps=6), 3) for step in range(6)]
    [0.2, 0.6, 1.0, 0.75, 0.25, 0.0]
    """

    def __init__(
        self,
        *,
        start_fraction: float = 0.04,
        rise_fraction: float = 0.3,
        final_fraction: float = 4e-6,
        warmup_epochs: float = 0.0,
    ) -> None:
        super().__init__(warmup_epochs=warmup_epochs)
        if not 0 < start_fraction <= 1:
            raise ValueError(f"start_fraction must lie in (0, 1], got {start_fraction}")
        if not 0 < rise_fraction < 1:
            raise ValueError(f"rise_fraction must lie between 0 and 1, got {rise_fraction}")
        if not 0 <= final_fraction <= 1:
            raise ValueError(f"final_fraction must lie in [0, 1], got {final_fraction}")
        self.start_fraction, self.rise_fraction, self.final_fraction = start_fraction, rise_fraction, final_fraction

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:  # noqa: ARG002  # a schedule's
        """The rise's cosine before the peak, the fall's after it."""
        peak, last = self.rise_fraction * total_steps - 1, total_steps - 1
        if step < peak:
            return cosine_between(self.start_fraction, 1.0, step / peak)
        return cosine_between(1.0, self.final_fraction, (step - peak) / (last - peak))
