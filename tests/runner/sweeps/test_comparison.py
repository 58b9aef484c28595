"""The runs of a sweep side by side: table, CSV file and heat map, made of what lies in the runs' folders."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from experiments.files import write_json
from experiments.runs.folder import RunFolder
from experiments.sweeps import comparison
from experiments.sweeps.comparison import compare, table, write_comparison
from experiments.sweeps.folder import SweepFolder

Drawn = list[tuple[pd.DataFrame, str]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """The grids and titles of the heat maps; see `tests.runner.pictures` for the pictures."""
    calls: Drawn = []

    def draw(grid: pd.DataFrame, title: str, path: Path) -> None:
        calls.append((grid, title))
        path.touch()

    monkeypatch.setattr(comparison, "draw_heat_map", draw)
    return calls


def result(accuracy: float, outcome: str = "completed") -> dict[str, Any]:
    metrics = {"train/loss": 1 - accuracy, "train/accuracy": accuracy, "test/accuracy": accuracy}
    return {"outcome": outcome, "final": {**metrics, "best/test_accuracy": accuracy, "best/epoch": 2}}


def sweep(outputs: Path, runs: list[tuple[dict[str, str], dict[str, Any] | None]]) -> SweepFolder:
    """A sweep whose runs vary so, and came to that; None: no result."""
    folder = SweepFolder(outputs, "5eeb")
    folder.path.mkdir(parents=True)
    plan = []
    for number, (overrides, summary) in enumerate(runs):
        identity = f"{number:012x}"
        plan.append({"identity": identity, "name": " ".join(overrides.values()), "overrides": overrides})
        run = RunFolder(outputs, identity)
        run.path.mkdir(parents=True)
        if summary is not None:
            write_json(run.finished, summary)
    write_json(folder.plan, {"runs": plan})
    return folder


def square(outputs: Path) -> SweepFolder:
    values = [("0.1", "32", 0.5), ("0.1", "128", 0.9), ("0.01", "32", 0.7), ("0.01", "128", 0.6)]
    return sweep(
        outputs, [({"optimizer.lr": lr, "data.batch_size": size}, result(accuracy)) for lr, size, accuracy in values]
    )


def shown(folder: SweepFolder) -> list[list[str]]:
    """The words of the printed table, line by line."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table(folder, compare(folder)))
    return [line.split() for line in capture.get().splitlines() if line.strip(" ─")]


def test_best_run_stands_first(outputs: Path) -> None:
    frame = compare(square(outputs))
    assert frame["test/accuracy"].tolist() == [0.9, 0.7, 0.6, 0.5]
    assert frame["identity"].tolist() == [f"{number:012x}" for number in (1, 2, 3, 0)]


def test_equal_runs_stay_in_the_order_of_the_sweep(outputs: Path) -> None:
    frame = compare(sweep(outputs, [({"seed": str(seed)}, result(0.5)) for seed in (3, 1, 2)]))
    assert frame["seed"].tolist() == [3, 1, 2]


def test_varying_values_are_numbers_where_they_can_be(outputs: Path) -> None:
    frame = compare(
        sweep(outputs, [({"optimizer.lr": "1e-3", "data": "digits", "model.channels": "[8]"}, result(0.5))])
    )
    assert frame["optimizer.lr"].tolist() == [0.001]
    assert frame["data"].tolist() == ["digits"]
    assert frame["model.channels"].tolist() == ["[8]"]


def test_runs_without_a_result_stand_last(outputs: Path) -> None:
    folder = sweep(
        outputs,
        [
            ({"seed": "0"}, None),
            ({"seed": "1"}, {"outcome": "diverged", "final": {}}),
            ({"seed": "2"}, result(0.1)),
            ({"seed": "3"}, None),
        ],
    )
    RunFolder(outputs, f"{3:012x}").failure.touch()
    frame = compare(folder)
    assert frame["seed"].tolist() == [2, 0, 1, 3]
    assert frame["outcome"].tolist() == ["completed", "unfinished", "diverged", "failed"]
    assert frame["test/accuracy"].isna().tolist() == [False, True, True, True]


def test_sweep_without_any_result_has_a_table_all_the_same(outputs: Path, drawn: Drawn) -> None:
    folder = sweep(outputs, [({"optimizer.lr": "1", "seed": "0"}, None), ({"optimizer.lr": "2", "seed": "0"}, None)])
    frame = compare(folder)
    assert frame["test/accuracy"].isna().all()
    write_comparison(folder, frame)
    assert len(shown(folder)) == 2 + 2
    assert drawn[0][0].isna().all(axis=None)


def test_csv_file_holds_every_number(outputs: Path, drawn: Drawn) -> None:
    folder = square(outputs)
    assert write_comparison(folder, compare(folder))[0] == folder.table
    with folder.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["test/accuracy"]) for row in rows] == [0.9, 0.7, 0.6, 0.5]
    assert [(row["optimizer.lr"], row["data.batch_size"]) for row in rows] == [
        ("0.1", "128"), ("0.01", "32"), ("0.01", "128"), ("0.1", "32"),
    ]  # fmt: skip
    assert rows[0]["train/loss"] == repr(1 - 0.9)
    assert {row["outcome"] for row in rows} == {"completed"}
    assert len(drawn) == 1


def test_heat_map_has_learning_rates_down_and_both_axes_sorted_as_numbers(outputs: Path, drawn: Drawn) -> None:
    folder = square(outputs)
    assert write_comparison(folder, compare(folder)) == [folder.table, folder.heat_map]
    ((grid, title),) = drawn
    assert (grid.index.name, grid.columns.name) == ("optimizer.lr", "data.batch_size")
    assert grid.index.tolist() == [0.01, 0.1]
    assert [int(column) for column in grid.columns] == [32, 128]
    assert grid.to_numpy().tolist() == [[0.7, 0.6], [0.5, 0.9]]
    assert "5eeb" in title


def test_heat_map_has_a_hole_where_a_run_has_no_result(outputs: Path, drawn: Drawn) -> None:
    runs = [(seed, size) for seed in ("0", "1") for size in ("4", "8")]
    folder = sweep(
        outputs,
        [({"seed": a, "data.batch_size": b}, None if (a, b) == ("1", "4") else result(0.5)) for a, b in runs],
    )
    write_comparison(folder, compare(folder))
    ((grid, _),) = drawn
    assert grid.isna().to_numpy().sum() == 1
    assert grid[1].isna().tolist() == [True, False]  # seed 1 at batch sizes of 4 and 8


@pytest.mark.parametrize("varying", [["seed"], ["seed", "optimizer.lr", "data.batch_size"]])
def test_other_than_two_settings_make_no_heat_map(varying: list[str], outputs: Path, drawn: Drawn) -> None:
    folder = sweep(outputs, [(dict.fromkeys(varying, value), result(0.5)) for value in ("1", "2")])
    assert write_comparison(folder, compare(folder)) == [folder.table]
    assert drawn == []


def test_single_run_is_compared_with_nobody(outputs: Path, drawn: Drawn) -> None:
    folder = sweep(outputs, [({}, result(0.5))])
    assert write_comparison(folder, compare(folder)) == [folder.table]
    assert drawn == []


def test_table_says_what_varies_and_how_well_it_did(outputs: Path) -> None:
    title, header, first, *_ = shown(square(outputs))
    assert "5eeb," in title
    assert header == ["lr", "batch_size", "test", "best", "epoch", "train", "loss", "run"]
    assert first == ["0.1", "128", "90.00%", "90.00%", "2", "90.00%", "0.1000", f"{1:012x}"]


def test_table_names_outcomes_as_soon_as_one_is_not_completed(outputs: Path) -> None:
    folder = sweep(outputs, [({"seed": "1"}, {"outcome": "diverged", "final": {}}), ({"seed": "2"}, result(0.5))])
    _, header, first, second = shown(folder)
    assert header[-2:] == ["outcome", "run"]
    assert first == ["2", "50.00%", "50.00%", "2", "50.00%", "0.5000", "completed", f"{1:012x}"]
    assert second == ["1", "–", "–", "–", "–", "–", "diverged", f"{0:012x}"]


def test_accuracy_of_a_run_that_diverged_later_wins_nothing(outputs: Path, drawn: Drawn) -> None:
    runs = [("1", "0", result(0.9, "diverged")), ("1", "1", result(0.5)), ("2", "0", result(0.6)), ("2", "1", None)]
    folder = sweep(outputs, [({"optimizer.lr": lr, "seed": seed}, summary) for lr, seed, summary in runs])
    frame = compare(folder)
    assert frame["outcome"].tolist() == ["completed", "completed", "diverged", "unfinished"]
    assert frame["test/accuracy"].tolist()[:3] == [0.6, 0.5, 0.9]
    write_comparison(folder, frame)
    ((grid, _),) = drawn
    assert grid.max(axis=None) == 0.6
