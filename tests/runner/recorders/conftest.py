"""An experiment in a real store, which several of the recorders' tests write to."""

from pathlib import Path

import pytest
from experiments.recorders.tracker import Tracker


@pytest.fixture
def made(store_uri: str, outputs: Path) -> Tracker:
    """The experiment `cnn` in an empty store, over SQLite."""
    return Tracker(store_uri, "cnn", outputs)
