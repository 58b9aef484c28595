"""By what the best setting is chosen: validation images where there are any, for test images are to be seen once."""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.comparison.compared_run import ComparedRun

VALIDATION, TEST = "val/accuracy", "test/accuracy"


@dataclass(frozen=True)
class Selection:
    """The metric, and why it is this one."""

    metric: str
    reason: str

    @property
    def name(self) -> str:
        """`validation accuracy` or `test accuracy`."""
        return "validation accuracy" if self.metric == VALIDATION else "test accuracy"

    def __str__(self) -> str:
        return f"chosen by {self.name}" + (f": {self.reason}" if self.reason else "")


def selection(runs: Sequence[ComparedRun]) -> Selection:
    """Choose by validation accuracy if every run that has an epoch has it, else by test accuracy."""
    split = [VALIDATION in run.metrics for run in runs if run.metrics]
    if split and all(split):
        return Selection(VALIDATION, "")
    if any(split):
        return Selection(TEST, "not every run has a validation split")
    return Selection(TEST, "there is no validation split (data.validation_fraction=0.1 makes one)")
