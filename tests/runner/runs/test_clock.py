"""A clock that is set while a run is under way: lengths of time do not know, and no end is before its beginning."""

import ast
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.runs.execute import execute
from experiments.runs.history import History
from experiments.runs.status import read_status
from experiments.tracking.run_view import run_view
from experiments.tracking.targets import targets
from tests.runner.configs import small_config
from tests.runner.runs.folders import Stop, folder_of
from tests.runner.test_walls import SOURCES, tree

DAY = 86_400.0
STEPS: dict[str, Callable[[int], float]] = {
    "back by a day at each look": lambda look: -DAY * look,
    "forth by a year at each look": lambda look: 365 * DAY * look,
    "to and fro": lambda look: DAY * (-1) ** look,
}


@pytest.fixture(params=list(STEPS.values()), ids=list(STEPS))
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day, set anew between any two looks at it."""
    looks, real = iter(range(10_000)), time.time
    monkeypatch.setattr("time.time", lambda: real() + request.param(next(looks)))


@pytest.mark.usefixtures("clock")
def test_run_ends_after_it_began_and_its_epochs_took_some_time(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs, trainer__epochs=3)
    stop_after(1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(config)
    stopped = read_status(folder_of(config).path)
    assert stopped is not None
    assert stopped.ended_ms is not None
    assert stopped.ended_ms >= stopped.started_ms
    folder = execute(config).folder
    view = run_view(folder.path, targets(folder.path)[0], held=False)
    assert view.ended_ms is not None
    assert view.ended_ms >= view.started_ms
    rows = History(folder.history).rows()
    assert [row.epoch for row in rows] == [1, 2, 3]
    for row in rows:
        assert 0 < row.metrics["time/epoch_s"] < 60
        assert row.metrics["time/images_per_s"] > 0


def test_time_of_day_is_asked_only_to_say_when_something_was() -> None:
    def asks(source: str) -> bool:
        words = {ast.unparse(node) for node in ast.walk(tree(source)) if isinstance(node, ast.Attribute)}
        return bool(words & {"time.time", "time.time_ns", "datetime.now", "datetime.datetime.now", "time.localtime"})

    assert {source for source in SOURCES if asks(source)} <= {
        "experiments/runs/status.py",  # the beginning and the end of a run
        "experiments/runs/attempt.py",  # the end of an epoch
    }
