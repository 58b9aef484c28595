"""Sudden falls, an equal number of epochs apart."""

from cnn_core.schedules.schedule import Schedule


class StepSchedule(Schedule):
    """f = γ^⌊e / E⌋, with e the epochs since the warm-up, E `step_epochs` and γ `gamma`.

    Within an epoch nothing changes: PyTorch's `StepLR(step_size=E, gamma=γ)`, stepped after every epoch.

    >>> schedule = StepSchedule(step_epochs=2, gamma=0.5)
    >>> [schedule.factor(epoch * 100, steps_per_epoch=100, total_steps=600) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, *, step_epochs: int, gamma: float, warmup_epochs: float = 0.0) -> None:
        super().__init__(warmup_epochs=warmup_epochs)
        if step_epochs < 1:
            raise ValueError(f"step_epochs must be at least 1, got {step_epochs}")
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma must lie in (0, 1], got {gamma}")
        self.step_epochs, self.gamma = step_epochs, gamma

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:  # noqa: ARG002  # a schedule's
        """γ to the power of the falls so far."""
        falls = step // (self.step_epochs * steps_per_epoch)
        return float(self.gamma**falls)
