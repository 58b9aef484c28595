"""What all tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of MNIST's four files, which tests marked `mnist` need: set MNIST_ROOT to it."""
    root = os.environ.get("MNIST_ROOT")
    assert root, "tests marked mnist need MNIST_ROOT, the folder of the four files"
    return Path(root)


@pytest.fixture
def heard_terminal() -> Iterator[None]:
    """The end of the terminal is heard, also in tests begun with nohup: what they begin would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
