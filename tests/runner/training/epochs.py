"""Training as tests of whole epochs see it."""

from collections.abc import Iterator
from typing import Any

from experiments.training import loop
from experiments.training.loop import EpochResult


def train(*arguments: Any, **keywords: Any) -> Iterator[EpochResult]:
    """The results of `experiments.training.loop.train`, which yields nothing else unless it is asked for places."""
    for result in loop.train(*arguments, **keywords):
        assert isinstance(result, EpochResult)
        yield result
