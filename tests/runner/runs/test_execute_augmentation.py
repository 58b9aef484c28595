"""What augmentation does is drawn before it is learned from."""

from pathlib import Path
from typing import Any

import pytest

from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.identity import identity
from tests.runner.configs import shifts, small_config
from tests.runner.doubles import Store
from tests.runner.runs.folders import Stop, folder_of, interrupted

pytestmark = pytest.mark.usefixtures("store", "picture")


def test_augmentation_is_drawn_before_it_is_learned_from_and_shown_in_the_store(
    outputs: Path, store: Store, stop_after: Stop
) -> None:
    config = small_config(outputs, augmentation=shifts())
    interrupted(config, stop_after, 0)
    assert folder_of(config).augmentation.read_bytes().startswith(b"\x89PNG")
    execute(config)
    assert "augmentation.png" in store.only.files


def test_run_without_augmentation_has_no_such_picture(outputs: Path, store: Store) -> None:
    config = small_config(outputs)
    execute(config)
    assert not folder_of(config).augmentation.exists()
    assert "augmentation.png" not in store.only.files


@pytest.mark.parametrize(("epochs", "drawn"), [(2, 2), (5, 3)])
def test_picture_is_of_epochs_that_there_are(
    epochs: int, drawn: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], str]] = []

    def draw(rows: dict[str, Any], _scale: float, title: str, _path: Path) -> None:
        seen.append((list(rows), title))

    monkeypatch.setattr(attempt, "draw_augmentation", draw)
    config = small_config(outputs, augmentation=shifts(), trainer__epochs=epochs)
    execute(config)
    names = ["original", *(f"epoch {epoch}" for epoch in range(1, drawn + 1))]
    assert seen == [(names, f"run {identity(config)}, augmentation standard")]
