"""What goes into the pictures of a sweep; see `tests.runner.pictures` for how they look."""

from pathlib import Path
from typing import Any

import pytest

from experiments.comparison import pictures
from experiments.comparison.comparison import compare
from experiments.comparison.pictures import draw_pictures
from tests.runner.comparison.made import Made, grid, made_sweep

LR, SIZE, SEED, MOMENTUM = "optimizer.lr", "data.batch_size", "seed", "optimizer.momentum"
Drawn = dict[str, tuple[Any, ...]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What each function was asked to draw, by its name."""
    calls: Drawn = {}
    for name in ("draw_heat_map", "draw_accuracy", "draw_learning_curves", "draw_parallel_coordinates"):

        def draw(*arguments: Any, name: str = name, **_: Any) -> None:
            calls[name] = arguments

        monkeypatch.setattr(pictures, name, draw)
    return calls


def sweep(outputs: Path, values: dict[str, list[str]], accuracies: list[float | None]) -> None:
    """Draw a sweep over these values whose runs came to that; None: diverged."""
    runs = [
        Made(own, [0.1 if accuracy is None else accuracy], "diverged" if accuracy is None else "completed")
        for own, accuracy in zip(grid(values), accuracies, strict=True)
    ]
    draw_pictures(compare(made_sweep(outputs, runs)))


def test_heat_map_has_learning_rates_down_and_both_axes_sorted_as_numbers(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {SIZE: ["128", "32"], LR: ["0.1", "0.01"]}, [0.9, 0.6, 0.5, 0.7])
    cells, texts, best, title, _ = drawn["draw_heat_map"]
    assert (cells.index.name, cells.columns.name) == (LR, SIZE)
    assert (cells.index.tolist(), cells.columns.tolist()) == ([0.01, 0.1], [32, 128])
    assert cells.to_numpy().tolist() == [[0.7, 0.6], [0.5, 0.9]]
    assert texts == [["70.00%", "60.00%"], ["50.00%", "90.00%"]]
    assert best == (1, 1)
    assert title == "Test accuracy, sweep 5eeb"


def test_heat_map_says_why_a_cell_has_no_accuracy(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {LR: ["1", "2"], SIZE: ["4", "8"]}, [0.5, None, 0.6, 0.7])
    cells, texts, *_ = drawn["draw_heat_map"]
    assert cells.isna().to_numpy().tolist() == [[False, True], [False, False]]
    assert texts[0][1] == "diverged"


def test_heat_map_is_empty_where_the_sweep_has_no_run(outputs: Path, drawn: Drawn) -> None:
    runs = [Made({LR: "1", SIZE: "4"}, [0.5]), Made({LR: "2", SIZE: "8"}, [0.6])]
    draw_pictures(compare(made_sweep(outputs, runs)))
    assert drawn["draw_heat_map"][1] == [["50.00%", ""], ["", "60.00%"]]


def test_heat_map_has_means_over_seeds(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {LR: ["1", "2"], SIZE: ["4", "8"], SEED: ["0", "1"]}, [0.5, 0.75, *[0.25] * 6])
    cells, texts, best, title, _ = drawn["draw_heat_map"]
    assert cells.to_numpy().tolist() == [[0.625, 0.25], [0.25, 0.25]]
    assert texts[0] == ["62.50%\n± 17.68", "25.00%\n± 0.00"]
    assert best == (0, 0)
    assert title.startswith("Test accuracy (mean over seeds), ")


def test_heat_map_has_the_best_over_the_other_settings(outputs: Path, drawn: Drawn) -> None:
    values = {MOMENTUM: ["0", "0.9"], LR: ["1", "2"], SIZE: ["4", "8"]}
    sweep(outputs, values, [0.1, 0.6, 0.3, 0.4, 0.5, 0.2, 0.7, 0.8])
    cells, _, best, title, _ = drawn["draw_heat_map"]
    assert (cells.index.name, cells.columns.name) == (LR, SIZE)
    assert cells.to_numpy().tolist() == [[0.5, 0.6], [0.7, 0.8]]
    assert best == (1, 1)
    assert "the best over optimizer.momentum" in title


def test_heat_map_of_other_settings_takes_those_that_come_first(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {"model": ["b", "a"], MOMENTUM: ["1", "0"]}, [0.1, 0.2, 0.3, 0.4])
    cells, *_ = drawn["draw_heat_map"]
    assert (cells.index.tolist(), cells.columns.tolist()) == (["b", "a"], [0, 1])
    assert cells.to_numpy().tolist() == [[0.2, 0.1], [0.4, 0.3]]


def test_accuracy_over_one_setting_has_its_mean_its_deviation_and_every_run(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {LR: ["2", "1"], SEED: ["0", "1"]}, [0.5, 0.75, 0.25, None])
    points, name, *_ = drawn["draw_accuracy"]
    assert name == LR
    assert [(point.value, point.mean, point.accuracies, point.best) for point in points] == [
        (1, 0.25, [0.25], False), (2, 0.625, [0.75, 0.5], True),
    ]  # fmt: skip
    assert points[1].deviation == pytest.approx(0.125 * 2**0.5)


def test_curves_are_those_of_the_runs_the_best_first(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {LR: ["1", "2", "3"]}, [0.5, 0.75, None])
    curves, names, *_ = drawn["draw_learning_curves"]
    assert names == ("train/loss", "test/accuracy")
    assert [(curve.name, curve.accuracies, curve.accuracy, curve.best) for curve in curves] == [
        ("lr=2", [0.75], 0.75, True), ("lr=1", [0.5], 0.5, False), ("lr=3", [0.1], None, False),
    ]  # fmt: skip


def test_lines_have_every_setting_but_the_seed(outputs: Path, drawn: Drawn) -> None:
    sweep(outputs, {LR: ["1"], "model": ["b", "a"], SEED: ["0", "1"]}, [0.5, 0.6, 0.7, None])
    lines, levels, accuracy, *_ = drawn["draw_parallel_coordinates"]
    assert levels == {"lr": [1], "model": ["b", "a"]}
    assert accuracy == "test/accuracy"
    assert [(line.values, line.accuracy, line.best) for line in lines] == [
        ({"lr": 1, "model": "a"}, 0.7, False),  # its setting diverged with the other seed
        ({"lr": 1, "model": "b"}, 0.6, True),
        ({"lr": 1, "model": "b"}, 0.5, True),
        ({"lr": 1, "model": "a"}, None, False),
    ]
