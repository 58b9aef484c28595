"""Small files that are there whole or not at all."""

import os
from pathlib import Path

import pytest

from cnn_core.state import replaced
from experiments.files import read_json, remove_drafts, write_json, write_whole


def test_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_whole(path, "first\n")
    write_whole(path, "zweite — ü\n")
    assert path.read_text(encoding="utf-8") == "zweite — ü\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_old_content_stays_if_writing_fails(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "note.txt"
    write_whole(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(moment, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_the_name_points_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def spy_on_sync(file: int) -> None:
        done.append("synced")
        sync(file)

    def spy_on_replace(draft: Path, target: Path) -> Path:
        done.append("replaced")
        return replace(draft, target)

    monkeypatch.setattr("os.fsync", spy_on_sync)
    monkeypatch.setattr("pathlib.Path.replace", spy_on_replace)
    write_whole(tmp_path / "note.txt", "text")
    assert done == ["synced", "replaced"]


def test_mapping_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5, "ü"], "a": None})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2.5, "ü"], "a": None}


def test_missing_file_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "a.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"\xff\xfe"])
def test_damaged_file_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") is None


def test_draft_of_a_killed_process_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_whole(path, "whole")
    killed = replaced(path)
    killed.__enter__().write_text("by half")  # and nothing is cleaned up
    assert len(list(tmp_path.iterdir())) == 2
    remove_drafts(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "whole"
