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


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> Iterator[None]:
    """Signals are heard as by a command that a person typed: begun with `nohup`, or by a script with `&`, pytest ignores
    some of them, and all that the tests begin would inherit that.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    ignored = [number for number in usual if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, usual[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
