"""Marks all that is here `parity`, and imports PyTorch only where these tests were asked for and it is installed.

Asked for without it, one test is left, `test_installed`, and fails: nothing is skipped in silence.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIGHT = {"__init__.py", "conftest.py", "test_installed.py"}  # these import no PyTorch


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.name in LIGHT:
        return None
    left_out = "not parity" in config.option.markexpr  # as by default, see pyproject.toml
    return True if left_out or find_spec("torch") is None else None


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.parity)
