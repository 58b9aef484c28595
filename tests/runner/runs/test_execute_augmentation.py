"""What augmentation does is kept before it is learned from, and drawn from what was kept."""

from pathlib import Path
from typing import Any

import pytest

from experiments.pictures import draw
from experiments.runs.execute import execute
from experiments.runs.identity import identity
from tests.runner.configs import shifts, small_config
from tests.runner.runs.folders import Stop, folder_of, interrupted


def test_augmentation_can_be_drawn_before_it_is_learned_from(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs, augmentation=shifts())
    interrupted(config, stop_after, 0)
    draw.draw(folder_of(config).path)
    assert folder_of(config).augmentation.read_bytes().startswith(b"\x89PNG")


def test_run_without_augmentation_has_no_such_picture(outputs: Path) -> None:
    folder = execute(small_config(outputs)).folder
    draw.draw(folder.path)
    assert folder.learning_curve.exists()
    assert not folder.augmentation.exists()


@pytest.mark.parametrize(("epochs", "drawn"), [(2, 2), (5, 3)])
def test_picture_is_of_epochs_that_there_are(
    epochs: int, drawn: int, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], str]] = []

    def note(rows: dict[str, Any], _scale: float, title: str, _path: Path) -> None:
        seen.append((list(rows), title))

    monkeypatch.setattr(draw, "draw_augmentation", note)
    config = small_config(outputs, augmentation=shifts(), trainer__epochs=epochs)
    execute(config)
    draw.draw(folder_of(config).path)
    names = ["original", *(f"epoch {epoch}" for epoch in range(1, drawn + 1))]
    assert seen == [(names, f"run {identity(config)}, augmentation")]
