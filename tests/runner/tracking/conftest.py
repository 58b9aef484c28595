"""What the tests of tracking share."""

import pytest


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn: pictures take longer than all else that a publisher does."""
    monkeypatch.setattr("experiments.tracking.publisher.draw", lambda _: None)
