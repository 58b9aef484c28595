"""What a book says of the MLflow runs that show a run, also where it is damaged."""

import json
from pathlib import Path

import pytest

from experiments.recorders.book import entries, open_times, run_ids


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "tracked.json"


def test_every_entry_that_knows_its_run_names_it(book: Path) -> None:
    book.write_text(
        json.dumps({"a|cnn|": {"run_id": "aa"}, "a|cnn|5eeb": {"run_id": "bb"}, "b|cnn|": {"run_id": None}})
    )
    assert run_ids(book) == ["aa", "bb"]
    assert list(entries(book)) == ["a|cnn|", "a|cnn|5eeb", "b|cnn|"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a|cnn|": "aa"}', '{"a|cnn|": null}'])
def test_damaged_book_is_empty(content: str, book: Path) -> None:
    book.write_text(content)
    assert entries(book) == {}
    assert run_ids(book) == []


def test_book_that_is_missing_is_empty(book: Path) -> None:
    assert entries(book) == {}


@pytest.mark.parametrize(
    ("noted", "times"), [([1, 2], [1, 2]), (["x", 3, None], [3]), ("damaged", []), (None, []), ({}, [])]
)
def test_times_that_are_none_are_left_out(noted: object, times: list[int]) -> None:
    assert open_times({"open": noted}) == times
    assert open_times({}) == []
