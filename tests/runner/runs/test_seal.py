"""A finished run whose files are no longer what they were is not taken for finished."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.runs.execute import RunResult, execute
from experiments.runs.folder import RunFolder
from experiments.runs.seal import is_broken, sealed
from tests.runner.configs import small_config

pytestmark = pytest.mark.usefixtures("store", "without_pictures")


def finished(outputs: Path) -> RunResult:
    return execute(small_config(outputs))


def metrics(folder: RunFolder) -> list[dict[str, float]]:
    """Of every epoch, but for times."""
    rows = [json.loads(line)["metrics"] for line in folder.history.read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_marker_with_another_character_is_no_marker_or_says_the_same(place: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "0123456789ab")
    folder.path.mkdir(parents=True)
    folder.config.write_text("seed: 0\n")
    result = {"outcome": "completed", "final": {"test/accuracy": 0.25, "best/epoch": 2}, "weights.sha256": "ab" * 32}
    folder.finish(result)
    whole = folder.summary()
    text = folder.finished.read_text()
    place %= len(text)
    folder.finished.write_text(text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :])
    assert folder.summary() in (None, whole)


def test_marker_without_a_seal_is_believed() -> None:
    assert not is_broken({"outcome": "completed", "final": {}})


@pytest.mark.parametrize("key", ["files.sha256", "sha256"])
def test_half_a_seal_is_broken(key: str) -> None:
    whole = sealed({"outcome": "completed"}, [])
    del whole[key]
    assert is_broken(whole)


def no_longer_whole(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def rewritten(path: Path) -> None:
    """Another number where there was one: it looks as good as the first."""
    text = path.read_text()
    place = text.index('"train/loss": ') + len('"train/loss": ')
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("checkpoint.npz", no_longer_whole),
        ("checkpoint.npz", Path.unlink),
        ("history.jsonl", no_longer_whole),
        ("history.jsonl", rewritten),
        ("history.jsonl", Path.unlink),
        ("config.yaml", no_longer_whole),
        ("environment.json", no_longer_whole),
    ],
)
def test_file_that_changed_since_is_named_and_is_as_before_in_the_end(
    name: str, damage: Callable[[Path], None], outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = finished(outputs)
    whole, said = metrics(before.folder), before.folder.summary()
    damage(before.folder.path / name)
    with caplog.at_level(logging.INFO):
        again = finished(outputs)
    assert f"{before.folder.path}: {name} changed since the run finished; it is gone through again" in caplog.messages
    assert not again.was_finished
    assert again.final.items() >= {**whole[-1], "best/epoch": before.final["best/epoch"]}.items()
    assert metrics(again.folder) == whole
    assert said is not None
    assert (again.folder.summary() or {})["weights.sha256"] == said["weights.sha256"]
    assert finished(outputs).was_finished


def test_file_that_is_shown_only_may_change(outputs: Path) -> None:
    folder = finished(outputs).folder
    folder.network.write_text("a note")
    folder.log.unlink()
    assert finished(outputs).was_finished
