"""A finished run whose files are no longer what they were is not taken for finished."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.digest import json_digest
from experiments.runs.execute import RunResult, execute
from experiments.runs.folder import RunFolder
from experiments.runs.seal import is_broken, sealed
from tests.runner.configs import small_config
from tests.runner.markers import marker
from tests.runner.runs.folders import Stop, epochs_trained, interrupted


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
    folder.finish(marker(test__accuracy=0.25))
    whole = folder.summary()
    assert whole is not None
    text = folder.finished.read_text()
    place %= len(text)
    folder.finished.write_text(text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :])
    assert folder.summary() in (None, whole)


def test_marker_without_a_seal_is_believed() -> None:
    assert not is_broken({"outcome": "completed", "final": {}}, [])


@pytest.mark.parametrize("key", ["files.sha256", "sha256"])
def test_half_a_seal_is_broken(key: str) -> None:
    whole = sealed({"outcome": "completed"}, [])
    del whole[key]
    assert is_broken(whole, [])


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/hostname": "0" * 64},
        {"../0123456789ab/config.yaml": "0" * 64},
        {"../..": "0" * 64},
        {"": "0" * 64},
        {"/dev/zero": "0" * 64},
        {"pipe": "0" * 64},
        {"config.yaml": 1},
        {"config.yaml": None},
        ["config.yaml"],
        [1],
        "x",
        None,
    ],
    ids=repr,
)
def test_marker_that_vouches_for_anything_but_the_files_of_a_run_is_damaged(files: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "0123456789ab")
    folder.path.mkdir(parents=True)
    os.mkfifo(folder.path / "pipe")
    whole = {**marker(), "files.sha256": files}
    folder.finished.write_text(json.dumps({**whole, "sha256": json_digest(whole)}))
    assert folder.summary() is None


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def larger_than_any(path: Path) -> None:
    os.truncate(path, 1 << 43)  # of which nothing is on the disk


@pytest.mark.parametrize("name", ["config.yaml", "history.jsonl"])
@pytest.mark.parametrize("damage", [pipe, folder_instead, larger_than_any])
def test_what_no_run_has_written_in_the_place_of_a_file_has_changed(
    name: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path, "0123456789ab")
    folder.path.mkdir(parents=True)
    for path in folder.vouched_for:
        path.write_text("{}")
    folder.finish(marker())
    damage(folder.path / name)
    whole = folder.summary()
    assert whole is not None
    assert folder.changed(whole) == [name]


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
        ("history.jsonl", no_longer_whole),
        ("history.jsonl", rewritten),
        ("history.jsonl", Path.unlink),
        ("config.yaml", no_longer_whole),
        ("config.yaml", Path.unlink),
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


def test_run_whose_history_changed_is_gone_on_with_where_it_was_stopped(outputs: Path, stop_after: Stop) -> None:
    config = small_config(outputs, trainer__epochs=5)
    folder = execute(config).folder
    whole = metrics(folder)
    rewritten(folder.history)
    interrupted(config, stop_after, 4)
    assert folder.summary() is None
    assert metrics(folder) == whole[:4]
    trained = epochs_trained(config)
    assert execute(config).epochs_before == 4
    assert epochs_trained(config) == trained + 1
    assert metrics(folder) == whole


def test_run_whose_history_changed_is_mended_also_by_a_command_after_one_that_was_killed_at_once(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finished(outputs).folder
    whole = metrics(folder)
    rewritten(folder.history)
    unlink = Path.unlink

    def killed_after_one(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path in (folder.finished, folder.history):
            raise RuntimeError("killed")

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", killed_after_one)
            with pytest.raises(RuntimeError, match="killed"):
                finished(outputs)
        assert folder.summary() is None or folder.changed(folder.summary() or {}) == [folder.history.name]
    assert metrics(finished(outputs).folder) == whole


def test_file_that_is_shown_only_may_change(outputs: Path) -> None:
    folder = finished(outputs).folder
    folder.network.write_text("a note")
    folder.log.unlink()
    assert finished(outputs).was_finished
