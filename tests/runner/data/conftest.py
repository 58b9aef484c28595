"""Fixtures of the data tests: a web server, and downloads that neither wait nor go through a proxy."""

from collections.abc import Iterator

import pytest

from tests.runner.data.server import Mirror


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that downloads would have slept."""
    seconds: list[float] = []
    monkeypatch.setattr("experiments.data.download.sleep", seconds.append)
    return seconds


@pytest.fixture
def mirror(waits: list[float]) -> Iterator[Mirror]:  # noqa: ARG001
    server = Mirror()
    yield server
    server.close()
