"""What all tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of MNIST's four files, which tests marked `mnist` need: set MNIST_ROOT to it."""
    root = os.environ.get("MNIST_ROOT")
    assert root, "tests marked mnist need MNIST_ROOT, the folder of the four files"
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> Iterator[None]:
    """Signals are heard as by a command that a person has typed.

    Begun with `nohup`, or by a script with `&`, pytest ignores some, and all that the tests begin would inherit that.
    """
    ignored = [number for number in _INTERRUPTING if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
