"""What the tests of runs share: a run can be stopped where a test wants it."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from experiments.runs import attempt
from experiments.terminal import progress
from tests.runner.runs.folders import Stop


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """`stop_after(1, KeyboardInterrupt())`: it happens once, in the second epoch, before its first batch."""

    def stop(epochs: int, error: BaseException) -> None:
        def watch(batches: Iterable[Any], *, label: str, **_: Any) -> Iterator[Any]:
            if label.startswith(f"epoch {epochs + 1}/"):
                monkeypatch.setattr(attempt, "progress", progress)
                raise error
            yield from batches

        monkeypatch.setattr(attempt, "progress", watch)

    return stop
