"""The history of a run: every whole line counts, and nothing behind a damaged one."""

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from experiments.errors import UserError
from experiments.runs.history import History, Row, best, difference


def row(epoch: int) -> Row:
    return Row(epoch, {"train/loss": 1 / epoch}, timestamp_ms=1000 * epoch, weights_sha256=f"{epoch:064x}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


WHOLE = '{"epoch": 3, "metrics": {"train/loss": 1.5}, "timestamp_ms": 0, "weights_sha256": "7"}'


def filled(path: Path, epochs: int = 3) -> History:
    history = History(path)
    for epoch in range(1, epochs + 1):
        history.append(row(epoch))
    return history


def test_line_is_an_object_with_epoch_and_metrics(path: Path) -> None:
    filled(path, 1)
    line = json.loads(path.read_text())
    assert line["epoch"] == 1
    assert line["metrics"] == {"train/loss": 1.0}


def test_rows_come_back_in_order(path: Path) -> None:
    assert filled(path).rows() == [row(1), row(2), row(3)]


def test_numbers_come_back_to_the_bit(path: Path) -> None:
    history = History(path)
    values = {"a": 0.1 + 0.2, "b": 5e-324, "c": 1.7976931348623157e308, "d": -0.0}
    history.append(Row(1, values, 0, ""))
    assert history.rows()[0].metrics == values


def test_missing_file_has_no_rows(path: Path) -> None:
    assert History(path).rows() == []


def test_row_is_on_the_disk_when_appending_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def spy(file: int) -> None:
        synced.append(path.read_text())
        fsync(file)

    monkeypatch.setattr("os.fsync", spy)
    filled(path, 2)
    assert [text.count("\n") for text in synced] == [1, 2]


@pytest.mark.parametrize(
    "torn",
    [
        '{"epoch": 3, "metrics": {"train/l',
        "",
        "null",
        "[]",
        "3",
        '{"epoch": 3}',
        '{"epoch": 3, "something": 1}',
        "[" * 100_000,
        "\0" * 100,
        WHOLE.replace("1.5", "NaN"),
        WHOLE.replace("1.5", "1e999"),
        WHOLE.replace("1.5", "1" + "0" * 4000),
        WHOLE.replace("1.5", "9" * 5000),
        WHOLE.replace("1.5", '"1.5"'),
        WHOLE.replace("1.5", "true"),
        WHOLE.replace("1.5", "null"),
        WHOLE.replace('{"train/loss": 1.5}', "[1.5]"),
        WHOLE.replace('{"train/loss": 1.5}', "1.5"),
        WHOLE.replace("1.5}", '1.5, "train/loss": 2.5}'),
        WHOLE.replace("train/loss", "test/loss"),
        WHOLE.replace("1.5}", '1.5, "test/loss": 2.5}'),
        WHOLE.replace("3,", "3.0,"),
        WHOLE.replace("3,", "true,"),
        WHOLE.replace('"7"', "7"),
        WHOLE.replace("0,", "0.5,"),
        WHOLE.replace(" 0,", f" {10**90},"),
        WHOLE.replace(" 0,", " -1,"),
        WHOLE.replace('"7"', '"7", "sha256": "7"'),
        WHOLE.replace('"7"', '"7", "sha256": null'),
    ],
    ids=lambda torn: torn[:90],
)
def test_torn_line_and_what_follows_do_not_count(torn: str, path: Path) -> None:
    history = filled(path, 4)
    lines = path.read_text().splitlines()
    lines[2] = torn
    path.write_text("\n".join(lines) + "\n")
    assert history.rows() == [row(1), row(2)]


def test_bit_that_is_turned_over_is_noticed_unless_it_changes_nothing(path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [Row(1, {"train/loss": 0.1 + 0.2, "val/loss": 5e-324, "time/epoch_s": 1e300}, 1_700_000_000_000, "a" * 64)]
    history = History(path)
    history.append(rows[0])
    whole = path.read_bytes()
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        assert history.rows() in (rows, [])


def test_line_with_another_lines_seal_does_not_count(path: Path) -> None:
    history = filled(path, 2)
    first, second = path.read_text().splitlines()
    path.write_text(first.replace('"timestamp_ms": 1000', '"timestamp_ms": 1001') + "\n" + second + "\n")
    assert history.rows() == []


def test_that_line_whole_does_count(path: Path) -> None:
    filled(path, 2)
    with path.open("a") as file:
        file.write(WHOLE + "\n")
    assert History(path).rows()[2:] == [Row(3, {"train/loss": 1.5}, 0, "7")]


def test_bytes_that_are_no_text_do_not_count(path: Path) -> None:
    history = filled(path, 2)
    with path.open("ab") as file:
        file.write(WHOLE.replace("7", "\xff").encode("latin1") + b"\n")
    assert history.rows() == [row(1), row(2)]


@pytest.mark.parametrize("order", [(2, 3), (1, 3), (1, 2, 2)])
def test_epochs_out_of_order_end_the_history(order: tuple[int, ...], path: Path) -> None:
    history = History(path)
    for epoch in order:
        history.append(row(epoch))
    expected = {(2, 3): [], (1, 3): [row(1)], (1, 2, 2): [row(1), row(2)]}
    assert history.rows() == expected[order]


def test_keeping_forgets_what_comes_after(path: Path) -> None:
    history = filled(path)
    assert history.keep(2) == [row(1), row(2)] == history.rows()
    assert history.keep(0) == [] == history.rows()


def test_keeping_removes_a_torn_line_so_that_the_next_row_is_whole(path: Path) -> None:
    history = filled(path, 2)
    with path.open("a") as file:
        file.write('{"epoch": 3, "met')
    history.keep(2)
    history.append(row(3))
    assert history.rows() == [row(1), row(2), row(3)]


def test_keeping_all_there_is_leaves_the_file_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = filled(path)
    monkeypatch.setattr("experiments.runs.history.write_whole", lambda *_: pytest.fail("it was written anew"))
    assert history.keep(3) == history.keep(9) == [row(1), row(2), row(3)]


def test_keeping_makes_the_file_where_there_is_none(path: Path) -> None:
    assert History(path).keep(3) == []
    assert path.read_bytes() == b""


def test_what_is_kept_stays_as_it_was_written(path: Path) -> None:
    history = filled(path)
    lines = path.read_text().replace('": ', '":').splitlines(keepends=True)  # as another program would write it
    path.write_text("".join(lines))
    assert history.keep(2) == [row(1), row(2)]
    assert path.read_text() == "".join(lines[:2])


def test_line_without_its_end_gets_one(path: Path) -> None:
    history = filled(path, 2)
    path.write_text(path.read_text().rstrip("\n"))
    assert history.keep(2) == [row(1), row(2)]
    history.append(row(3))
    assert history.rows() == [row(1), row(2), row(3)]


def test_row_that_lacks_what_is_needed_does_not_count(path: Path) -> None:
    filled(path, 1)
    History(path).append(Row(2, {"val/loss": 1.0}, 2000, ""))
    assert History(path, frozenset({"train/loss"})).rows() == [row(1)]
    assert History(path, frozenset({"train/loss", "val/loss"})).rows() == []


def test_same_result_at_another_time_is_no_difference() -> None:
    now = Row(1, {"train/loss": 0.5, "time/epoch_s": 3.0}, 1, "ab")
    then = Row(1, {"train/loss": 0.5, "time/epoch_s": 4.0, "time/images_per_s": 7.0}, 2, "ab")
    assert difference(then, now) is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Row(1, {"train/loss": 0.30000000000000004}, 1, "ab"), "train/loss was 0.3 and is 0.30000000000000004"),
        (Row(1, {"train/loss": 0.3}, 1, "cd"), "the weights are others"),
        (Row(1, {"train/loss": 0.3, "val/loss": 1.0}, 1, "ab"), "val/loss was None and is 1.0"),
        (Row(1, {"val/loss": 1.0}, 1, "cd"),
         "train/loss was 0.3 and is None, val/loss was None and is 1.0, the weights are others"),
    ],
    ids=["last digit", "weights", "one more", "everything"],
)  # fmt: skip
def test_difference_names_what_came_out_otherwise_then_and_now(now: Row, said: str) -> None:
    assert difference(Row(1, {"train/loss": 0.3}, 1, "ab"), now) == said


@pytest.mark.parametrize(
    ("accuracies", "best_epoch", "best_accuracy"),
    [
        ([{"test/accuracy": 0.5}, {"test/accuracy": 0.7}, {"test/accuracy": 0.6}], 2, 0.7),
        ([{"test/accuracy": 0.7}, {"test/accuracy": 0.7}], 1, 0.7),
        (
            [
                {"val/accuracy": 0.9, "test/accuracy": 0.5},
                {"val/accuracy": 0.8, "test/accuracy": 0.7},
            ],
            1,
            0.5,
        ),
    ],
    ids=["by test accuracy", "first of equals", "by validation accuracy"],
)
def test_best_epoch(accuracies: list[dict[str, float]], best_epoch: int, best_accuracy: float) -> None:
    history = [Row(number, metrics, 0, "") for number, metrics in enumerate(accuracies, start=1)]
    assert best(history) == {"best/test_accuracy": best_accuracy, "best/epoch": best_epoch}


# Files of strangers


@pytest.mark.parametrize("instead", ["pipe", "folder", "device", "huge"])
def test_what_no_run_has_written_is_refused_in_a_line_and_left_alone(instead: str, path: Path) -> None:
    match instead:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "huge":
            path.touch()
            os.truncate(path, 1 << 43)  # of which nothing is on the disk
    for read in (History(path).rows, lambda: History(path).keep(3)):
        with pytest.raises(UserError) as caught:
            read()
        assert str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value).splitlines()) == 1
    assert path.exists()


def test_line_without_end_costs_no_more_than_a_line(path: Path) -> None:
    history = filled(path, 2)
    os.truncate(path, 1 << 28)
    tracemalloc.start()
    try:
        assert history.rows() == [row(1), row(2)]
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", ["", "as", "rows"])
def test_file_that_a_link_leads_to_is_never_written(content: str, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    filled(other, 2) if content == "rows" else other.write_text(content)
    before = other.read_bytes()
    path.symlink_to(other)
    history = History(path)
    kept = history.keep(9)
    history.append(row(len(kept) + 1))
    assert other.read_bytes() == before
    assert len(History(path).rows()) == len(kept) + 1
