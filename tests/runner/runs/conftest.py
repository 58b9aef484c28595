"""What the tests of runs share: no picture is drawn, and a run can be stopped where a test wants it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.runs import attempt
from experiments.terminal import progress
from tests.runner.runs.folders import Stop


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], str]]:
    """What was drawn: the epochs and the title. Real pictures take longer than these runs."""
    drawn: list[tuple[list[int], str]] = []

    def draw(rows: Any, title: str, path: Path) -> None:
        drawn.append(([row.epoch for row in rows], title))
        path.touch()

    monkeypatch.setattr(attempt, "draw_learning_curve", draw)
    return drawn


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
