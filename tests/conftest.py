"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of MNIST's four files, which tests marked `mnist` need: set MNIST_ROOT to it."""
    root = os.environ.get("MNIST_ROOT")
    assert root, "tests marked mnist need MNIST_ROOT, the folder of the four files"
    return Path(root)
