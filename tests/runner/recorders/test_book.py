"""What a book says of the MLflow runs that show a run, also where it is damaged."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from experiments.recorders.book import Entry, entries, is_complete, run_ids, write_entry

ENTRY = Entry("name", {"identity": "0"}, {"seed": "0"}, 1000, run_id="aa", uploaded={"config.yaml": 5}, ended_ms=7)
KEY = "sqlite:///a.db|cnn|"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "tracked.json"


def test_what_was_noted_is_read_again(book: Path) -> None:
    write_entry(book, KEY, ENTRY)
    write_entry(book, KEY + "5eeb", Entry("other", {}, {}, 2000))
    assert entries(book) == {KEY: ENTRY, KEY + "5eeb": Entry("other", {}, {}, 2000)}
    assert run_ids(book) == ["aa"]


def test_run_ids_are_read_from_an_older_book_too(book: Path) -> None:
    book.write_text(json.dumps({"a|cnn|": {"run_id": "aa", "complete": True}, "b|cnn|": {"run_id": None}}))
    assert run_ids(book) == ["aa"]
    assert entries(book) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a|cnn|": "aa"}', '{"a|cnn|": null}'])
def test_damaged_book_is_empty(content: str, book: Path) -> None:
    book.write_text(content)
    assert entries(book) == {}
    assert run_ids(book) == []


def test_book_that_is_missing_is_empty(book: Path) -> None:
    assert entries(book) == {}


@pytest.mark.parametrize(
    "damage",
    [
        {"name": 3},
        {"tags": []},
        {"tags": {"identity": 3}},
        {"params": None},
        {"metrics": {"a": "x"}},
        {"files": "abc"},
        {"files": [3]},
        {"files": ["/etc/passwd"]},
        {"files": ["../../secret"]},
        {"files": ["config.yaml", ".."]},
        {"status": "GONE"},
        {"begun_ms": "x"},
        {"ended_ms": "x"},
        {"epochs": None},
        {"epochs": -1},
        {"sent": 10**30},
        {"revision": True},
        {"ended_ms": -1},
        {"run_id": 3},
        {"run_id": "../ab"},
        {"replaced": ["../ab"]},
        {"uploaded": {"a": "b"}},
        {"replaced": {}},
        {"unknown": 1},
    ],
)
def test_entry_with_an_impossible_value_counts_as_none(damage: dict[str, Any], book: Path) -> None:
    book.write_text(json.dumps({KEY: asdict(ENTRY) | damage, "b|cnn|": asdict(ENTRY)}))
    assert list(entries(book)) == ["b|cnn|"]


@pytest.mark.parametrize("damage", [{"epochs": 1}, {"run_id": "ab"}, {"params": {"seed": "1"}}, {"sha256": "0"}])
def test_entry_that_is_not_what_was_written_counts_as_none(damage: dict[str, Any], book: Path) -> None:
    other = Entry("other", {}, {}, 2000, revision=3, shown=3, status="FINISHED")
    write_entry(book, "b|cnn|", other)
    assert is_complete(book)
    write_entry(book, KEY, ENTRY)
    noted = json.loads(book.read_text())
    book.write_text(json.dumps(noted | {KEY: noted[KEY] | damage}))
    assert entries(book) == {"b|cnn|": other}
    assert not is_complete(book)
    write_entry(book, "b|cnn|", other)
    assert is_complete(book)


@pytest.mark.parametrize("key", ["", "a", "a|b"])
def test_key_that_names_no_place_counts_as_none(key: str, book: Path) -> None:
    book.write_text(json.dumps({key: asdict(ENTRY)}))
    assert entries(book) == {}


@pytest.mark.parametrize(
    ("status", "revision", "shown", "complete"),
    [("FINISHED", 3, 3, True), ("FINISHED", 3, 2, False), ("RUNNING", 3, 3, False), ("KILLED", 1, 1, True)],
)
def test_complete_is_what_shows_the_last_change_and_the_end(
    status: Any, revision: int, shown: int, complete: bool
) -> None:
    assert Entry("n", {}, {}, 0, status=status, revision=revision, shown=shown).complete == complete
