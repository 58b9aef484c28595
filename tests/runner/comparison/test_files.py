"""The files of a comparison: what is written, and that the numbers in it are those of the runs."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

from experiments.comparison.comparison import compare
from experiments.comparison.data_files import as_json
from experiments.comparison.files import write_comparison
from experiments.sweeps.folder import SweepFolder
from tests.runner.comparison.made import Made, grid, identity, made_sweep, track
from tests.runner.pictures.pixels import size

LR, SIZE, SEED, MOMENTUM = "optimizer.lr", "data.batch_size", "seed", "optimizer.momentum"
ALWAYS = ["comparison.html", "comparison.csv", "comparison.json"]
CURVES = "learning_curves.png"


def made(values: dict[str, list[str]], outcome: str = "completed") -> list[Made]:
    return [
        Made(own, [0.3, 0.5 + 0.01 * place] if outcome == "completed" else [], outcome)
        for place, own in enumerate(grid(values))
    ]


def written(folder: SweepFolder) -> list[str]:
    paths = write_comparison(compare(folder))
    assert all(path.parent == folder.path for path in paths)
    assert all(size(path) >= (400, 250) for path in paths if path.suffix == ".png")
    return [path.name for path in paths]


@pytest.mark.parametrize(
    ("values", "pictures"),
    [
        ({LR: ["1", "2"], SIZE: ["8", "16"]}, ["heat_map.png", CURVES, "parallel_coordinates.png"]),
        ({LR: ["1", "2"], SIZE: ["8", "16"], SEED: ["0", "1"], MOMENTUM: ["0", "1"]},
         ["heat_map.png", CURVES, "parallel_coordinates.png"]),
        ({LR: ["1", "2"], SEED: ["0", "1"]}, ["accuracy.png", CURVES]),
        ({SEED: ["0", "1"]}, ["accuracy.png", CURVES]),
        ({"model": ["a", "b"]}, ["accuracy.png", CURVES]),
        ({LR: [str(place) for place in range(1, 30)], SIZE: ["8", "16"]},
         ["accuracy.png", CURVES, "parallel_coordinates.png"]),
        ({}, [CURVES]),
    ],
)  # fmt: skip
def test_pictures_are_those_that_show_what_varies(
    values: dict[str, list[str]], pictures: list[str], outputs: Path
) -> None:
    folder = made_sweep(outputs, made(values))
    assert written(folder) == [*ALWAYS, *pictures]
    page = folder.page.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(pictures)


def test_sweep_without_an_epoch_has_no_picture(outputs: Path) -> None:
    assert written(made_sweep(outputs, made({LR: ["1", "2"], SIZE: ["8", "16"]}, "unfinished"))) == ALWAYS


def test_picture_that_shows_nothing_any_more_is_removed(outputs: Path) -> None:
    folder = made_sweep(outputs, made({LR: ["1", "2"]}, "failed"))
    folder.heat_map.touch()
    written(folder)
    assert not folder.heat_map.exists()


def test_csv_file_holds_every_number(outputs: Path) -> None:
    folder = made_sweep(outputs, [*made({LR: ["0.1", "0.2"], SIZE: ["8"]}), Made({LR: "3", SIZE: "8"}, [], "failed")])
    write_comparison(compare(folder))
    with folder.table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["identity"], row[LR], row["outcome"], row["test/accuracy"], row["seconds"]) for row in rows] == [
        (identity(1), "0.2", "completed", repr(0.51), "1.0"),
        (identity(0), "0.1", "completed", "0.5", "1.0"),
        (identity(2), "3", "failed", "", "0.0"),
    ]
    assert rows[0]["train/loss"] == repr(1 - 0.51)


def read(text: str) -> Any:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_file_has_runs_settings_the_best_and_the_selection(outputs: Path) -> None:
    runs = [Made({LR: lr, SEED: str(seed)}, [a]) for lr, own in (("1", (0.25, 0.5, 0.75)), ("2", (0.1, 0.1, 0.1)))
            for seed, a in enumerate(own)]  # fmt: skip
    folder = made_sweep(outputs, runs)
    ids = track(folder)
    write_comparison(compare(folder))
    content = read(folder.results.read_text(encoding="utf-8"))
    assert content["sweep.id"] == "5eeb"
    assert content["selection"]["metric"] == "test/accuracy"
    assert content["best"] == content["settings"][0]
    assert content["best"]["values"] == {LR: 1}
    assert (content["best"]["seeds"], content["best"]["completed"]) == (3, 3)
    assert content["best"]["metrics"]["test/accuracy"] == {"mean": 0.5, "standard_deviation": 0.25}
    assert content["best"]["runs"] == [identity(2), identity(1), identity(0)]
    assert [run["identity"] for run in content["runs"][:3]] == [identity(2), identity(1), identity(0)]
    assert content["runs"][0]["metrics"]["test/accuracy"] == 0.75
    assert content["varying"] == {LR: [1, 2], SEED: [0, 1, 2]}
    assert all(run_id in content["mlflow"] for run_id in ids)


def test_json_file_holds_no_number_that_is_none(outputs: Path) -> None:
    comparison = compare(made_sweep(outputs, [Made({LR: "1"}, [0.5]), Made({LR: "2"}, [0.1], "diverged")]))
    for run, loss in zip(comparison.runs, (float("nan"), float("inf")), strict=True):
        run.metrics["train/loss"] = loss  # no marker and no history is believed that has one
    content = read(as_json(comparison))
    assert [run["metrics"]["train/loss"] for run in content["runs"]] == [None, None]
    assert content["settings"][0]["metrics"]["train/loss"] == {"mean": None, "standard_deviation": None}


def test_same_runs_make_the_same_files_to_the_byte(outputs: Path) -> None:
    folder = made_sweep(outputs, made({LR: ["1", "2"], SIZE: ["8", "16"]}))
    first = {path: path.read_bytes() for path in write_comparison(compare(folder))}
    assert {path: path.read_bytes() for path in write_comparison(compare(folder))} == first


def test_two_hundred_runs_are_compared_in_seconds(outputs: Path) -> None:
    values = {
        LR: ["1", "2", "3", "4", "5"],
        SIZE: ["8", "16", "32", "64"],
        MOMENTUM: ["0", "1"],
        "model": list("abcde"),
    }
    runs = [Made(own, [0.5 + place / 1000] * 10) for place, own in enumerate(grid(values))]
    folder = made_sweep(outputs, runs)
    begun = time.process_time()
    write_comparison(compare(folder))
    assert time.process_time() - begun < 5
