"""What all schedules share: a factor for every step, and a warm-up before it."""


class Schedule:
    """A function of training progress: the factor by which a step multiplies the peak learning rate.

    It is evaluated for every batch and remembers nothing, so training resumed at any step goes on as if never stopped.

    The warm-up comes first and takes W = ⌊`warmup_epochs` · steps per epoch⌋ steps. In it the factor rises by equal
    parts, f₀·1/(W+1), f₀·2/(W+1), …, f₀·W/(W+1), to the schedule's own first factor f₀; then the schedule runs over the
    steps that are left, as if training began there.

    In PyTorch, where f₀ = 1: `SequentialLR([LinearLR(start_factor=1 / (W + 1), total_iters=W), rest], milestones=[W])`
    with the schedule for the steps that are left as `rest`, stepped after every batch.
    """

    def __init__(self, *, warmup_epochs: float = 0.0) -> None:
        if not 0 <= warmup_epochs < float("inf"):
            raise ValueError(f"warmup_epochs must be a finite number, 0 or more, got {warmup_epochs}")
        self.warmup_epochs = warmup_epochs

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """The factor of one step.

        Args:
            step: steps taken before it, from 0.
            steps_per_epoch: batches in an epoch.
            total_steps: steps of the whole training.

        Raises:
            ValueError: the training has no such step, or the warm-up leaves none of them.
        """
        if not 0 <= step < total_steps:
            raise ValueError(f"step must lie in 0..{total_steps - 1}, got {step}")
        warmup = int(self.warmup_epochs * steps_per_epoch)
        left = total_steps - warmup
        if left < 1:
            raise ValueError(f"a warm-up of {warmup} steps leaves none of the {total_steps}")
        if step < warmup:
            return self.shape(0, steps_per_epoch, left) * (step + 1) / (warmup + 1)
        return self.shape(step - warmup, steps_per_epoch, left)

    def shape(self, step: int, steps_per_epoch: int, total_steps: int) -> float:
        """The factor where there is no warm-up, or after it; as `factor`, steps counted from its end."""
        raise NotImplementedError
