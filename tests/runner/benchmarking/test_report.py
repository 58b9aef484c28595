"""What a person is shown: tables and a chart."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from experiments.benchmarking.chart import draw_chart
from experiments.benchmarking.overhead import Overhead
from experiments.benchmarking.report import tables
from experiments.benchmarking.result import Result
from experiments.benchmarking.run import Benchmark
from tests.runner.benchmarking.results import result
from tests.runner.pictures.pixels import figure_of, size, texts

HALF = result(ours=1.0, contiguous=2.0, channels_last=3.0)


def printed(table: Table) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def rows(table: Table) -> list[list[str]]:
    """The words of every row below the heads."""
    lines = [line.split() for line in printed(table).splitlines()]
    head = next(number for number, words in enumerate(lines) if words and set(words[0]) == {"─"})
    return [words for words in lines[head + 1 :] if words]


def shown(*results: Result, naive: float | None = None, gemm_rate: float = 1e9) -> list[Table]:
    return tables(Benchmark({}, list(results), naive, gemm_rate, None))


@pytest.mark.parametrize(("seconds", "mark"), [(0.3, "✓"), (0.31, "✗")])
def test_overhead_of_a_run_is_shown_against_its_goal(seconds: float, mark: str) -> None:
    overhead = Overhead([0.2, seconds, 0.4], [0.2, 0.2, 0.2])
    (table,) = tables(Benchmark({}, [], None, None, overhead))
    assert "3 tiny runs of 2 epochs" in str(table.title)
    assert [words[: 3 + (number == 0)] for number, words in enumerate(rows(table))] == [
        ["total", f"{seconds:.3f}", f"({(0.2 + seconds) / 2:.3f}–{(0.4 + seconds) / 2:.3f})", mark],
        ["processor", "0.200", "(0.200–0.200)"],
    ]


def test_whole_in_milliseconds_with_ratio_quartiles_and_goal() -> None:
    (row,) = rows(shown(HALF)[0])
    assert row == [
        "a",
        "64",
        "1",
        "≤",
        "0.75",
        "1000",
        "2000",
        "0.50",
        "(0.50–0.50)",
        "✓",
        "1000",
        "2000",
        "0.50",
        "(0.50–0.50)",
        "✓",
    ]


def test_goal_that_is_not_met_is_marked() -> None:
    (row,) = rows(shown(result(ours=0.76, contiguous=1.0))[0])
    assert row[7:10] == ["0.76", "(0.76–0.76)", "✗"]


def test_goal_is_met_exactly() -> None:
    (row,) = rows(shown(result(ours=0.75, contiguous=1.0))[0])
    assert row[7:10] == ["0.75", "(0.75–0.75)", "✓"]


def test_cell_without_a_goal_is_not_judged() -> None:
    (row,) = rows(shown(result(batch=16))[0])
    assert row == ["a", "16", "1", "–", "1000", "2000", "0.50", "(0.50–0.50)", "1000", "2000", "0.50", "(0.50–0.50)"]


def test_channels_last_is_marked() -> None:
    (row,) = rows(shown(result(ours=1.0, contiguous=2.0, channels_last=1.0))[0])
    assert row[6] == "1000*"


def test_without_pytorch_there_are_times_only() -> None:
    (row,) = rows(shown(result(ours=1.0))[0])
    assert row == ["a", "64", "1", "≤", "0.75", "1000", "–", "–", "1000", "–", "–"]


def test_layers_of_the_usual_batch_are_shown_a_table_for_each_cell() -> None:
    results = [result(batch=16), result(batch=64), result(batch=64, threads=2), result(batch=256)]
    _, *layers, _ = shown(*results)
    assert [str(table.title) for table in layers] == [
        "net (a) layer by layer, batch 64, 1 thread: milliseconds",
        "net (a) layer by layer, batch 64, 2 threads: milliseconds",
    ]
    trio = ["1000.000", "2000.000", "0.50"]
    assert rows(layers[0]) == [["conv1", *3 * trio], ["loss", *trio], ["step", *trio]]


def test_layers_of_the_first_batch_are_shown_where_the_usual_one_is_not_measured() -> None:
    _, layers, _ = shown(result(batch=32), result(batch=128))
    assert "batch 32" in str(layers.title)


def test_naive_loops_stand_beside_our_time_for_an_image() -> None:
    # 1 s for a batch of 64 is 15.625 ms an image
    *_, naive, _ = shown(HALF, naive=31.25)
    assert rows(naive) == [
        ["naive", "loops", "31250.0"],
        ["ours,", "batch", "64,", "1", "thread", "15.6250", "2,000", "times", "as", "long"],
    ]


def test_limit_is_the_multiply_adds_at_the_rate_of_all_threads() -> None:
    multiply_adds = 2 * 72 * 784 + 3 * (802_816 + 1280)  # an image of net (a)
    rate = 64 * multiply_adds * 8  # one thread's: an eighth of a second for the batch
    *_, limit = shown(HALF, result(threads=2), gemm_rate=rate)
    assert rows(limit) == [
        ["a", "64", "1", "125.00", "12%", "6%"],
        ["a", "64", "2", "62.50", "6%", "3%"],
    ]


def test_nothing_is_cut_on_a_screen_of_120_columns() -> None:
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(shown(HALF)[0])
    assert "…" not in capture.get()


def figure(*results: Result) -> Figure:
    return figure_of(lambda path: draw_chart(list(results), "the machine", path))


def bars(axes: Axes) -> list[float]:
    return [patch.get_height() for patch in axes.patches]  # type: ignore[attr-defined]  # bars


def goals(axes: Axes) -> list[float]:
    """The heights of the level lines."""
    lines = [line for line in axes.collections if isinstance(line, LineCollection)]
    ends: list[Sequence[Sequence[float]]] = [segment.tolist() for line in lines for segment in line.get_segments()]
    return [start[1] for start, end in ends if start[1] == end[1] and start[0] != end[0]]


RESULTS = [
    result(net, batch, threads, ours=0.25 * threads, contiguous=1.0)
    for net in "ab"
    for batch in (16, 64)
    for threads in (1, 2)
]


@pytest.mark.parametrize("results", [RESULTS, [HALF], [result(ours=1.0)]], ids=["several", "one", "no PyTorch"])
def test_chart_is_a_png(results: list[Result], tmp_path: Path) -> None:
    draw_chart(results, "a machine with a name that goes on and on " * 3, tmp_path / "chart.png")
    width, height = size(tmp_path / "chart.png")
    assert width >= 600
    assert height >= 600


def test_chart_has_a_panel_for_every_net_and_whole_and_a_bar_for_every_cell() -> None:
    made = figure(*RESULTS)
    assert made.get_suptitle() == "the machine"
    assert [axes.get_title().partition("\n")[0] for axes in made.axes] == ["net (a)", "net (b)", "", ""]
    assert [axes.get_ylabel() for axes in made.axes if axes.get_ylabel()] == [
        "training: our time / PyTorch's",
        "inference: our time / PyTorch's",
    ]
    for axes in made.axes:
        assert bars(axes) == [0.25, 0.5, 0.25, 0.5]
        assert texts(axes.texts) == ["0.25", "0.50", "0.25", "0.50"]
    assert texts(made.axes[-1].get_xticklabels()) == ["16", "64"]


def test_chart_draws_pytorch_as_a_line_and_goals_where_there_are_any() -> None:
    made = figure(*RESULTS)
    assert [[line.get_ydata() for line in axes.lines] for axes in made.axes] == [[[1.0, 1.0]]] * 4
    assert [goals(axes) for axes in made.axes] == [[0.75, 0.65], [1.0, 1.0]] * 2
    (legend,) = made.legends
    assert texts(legend.get_texts()) == ["1 thread", "2 threads", "quartiles", "as fast as PyTorch", "goal"]


def test_chart_without_pytorch_draws_images_a_second() -> None:
    made = figure(result(ours=0.5))
    assert [axes.get_ylabel() for axes in made.axes] == ["training: images a second", "inference: images a second"]
    assert [bars(axes) for axes in made.axes] == [[128.0], [128.0]]
    assert [[*axes.lines, *goals(axes)] for axes in made.axes] == [[], []]
