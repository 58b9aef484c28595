"""No change."""

from cnn_core.schedules.schedule import Schedule


class ConstantSchedule(Schedule):
    """f = 1.

    >>> schedule = ConstantSchedule(warmup_epochs=0.5)  # 2 of an epoch's 4 steps
    >>> [round(schedule.factor(step, steps_per_epoch=4, total_steps=8), 3) for step in range(4)]
    [0.333, 0.667, 1.0, 1.0]
    """

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:  # noqa: ARG002  # a schedule's
        """1, always."""
        return 1.0
