"""`python -m experiments.benchmark` without PyTorch: what it prints and writes, and what it refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments import benchmark
from experiments.benchmark import main
from experiments.benchmarking.cell import Cell
from experiments.benchmarking.nets import build_net, layers
from experiments.benchmarking.overhead import Overhead
from experiments.benchmarking.run import Benchmark
from tests.runner.benchmarking.results import result
from tests.runner.composed import CHECKOUT
from tests.runner.pictures.pixels import size

PARTS = ["training", "inference"]


class Answer(NamedTuple):
    """What the command said, and how it ended."""

    code: int
    out: str
    err: str


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Answer:
    try:
        code = main(list(words))
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return Answer(code, out, err)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Cell], float]]:
    """What is asked for is written down here, and nothing is measured."""
    calls: list[tuple[list[Cell], float]] = []

    def run(cells: object, seconds: float, overhead: Callable[[], Overhead] | None) -> Benchmark:
        chosen = list(cells)  # type: ignore[call-overload]
        calls.append((chosen, seconds))
        machine = {"cpu": "Z80", "cores": 2, "load": 0.0, "python": "3", "numpy": "2", "blas": [], "pytorch": "2"}
        return Benchmark(
            machine, [result(cell.net, cell.batch, cell.threads) for cell in chosen], None, 1e9, overhead and overhead()
        )

    monkeypatch.setattr(benchmark, "run_benchmark", run)
    monkeypatch.setattr(benchmark, "measure_overhead", lambda _, runs: Overhead(*[[0.25] * runs] * 2))
    monkeypatch.setattr("experiments.benchmark.joblib.cpu_count", lambda: 2)
    return calls


def test_smallest_benchmark_end_to_end_without_pytorch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("experiments.benchmarking.measuring._BURST_SECONDS", 0.0)
    monkeypatch.setattr("experiments.benchmarking.gemm._SIDES", (16, 32))
    monkeypatch.setattr("experiments.benchmarking.naive.BATCH", 1)
    output = tmp_path / "new" / "figures.json"
    words = ["--nets", "a", "--batches", "2", "--threads", "1", "--seconds", "0.001", "--output", str(output)]
    code, out, err = answer(capsys, "--parts", "core", *words)
    assert (code, err) == (0, "1 of 1: net (a), batch 2, threads 1\n")
    assert out.splitlines()[-3:] == [
        "There are no ratios without PyTorch: pip install -e '.[parity]'",
        str(output),
        str(tmp_path / "new" / "figures.png"),
    ]
    assert size(output.with_suffix(".png"))
    written = json.loads(output.read_text())
    assert written["machine"]["pytorch"] is None
    assert written["gemm_multiply_adds_per_s"] > 0
    assert written["naive_s_per_image"] > 0
    assert written["run_overhead"] is None
    (cell,) = written["cells"]
    assert {key: cell[key] for key in ("net", "batch", "threads", "goal")} == {
        "net": "a", "batch": 2, "threads": 1, "goal": None,
    }  # fmt: skip
    for name, _ in layers(build_net("a")):
        assert {f"forward {name}", f"backward {name}", f"inference {name}"} < set(cell["parts"])
    for part in cell["parts"].values():
        times = part["seconds"]["ours"]
        assert 0 < times["low"] <= times["median"] <= times["high"]
        assert part["ratio"] is None
    assert all(len(cell["parts"][part]["bursts"]["ours"]) == 5 for part in PARTS)


def test_everything_is_measured_unless_said_otherwise(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "--output", str(tmp_path / "b.json")).code == 0
    ((cells, seconds),) = asked
    assert cells == [Cell(net, batch, threads) for net in "abc" for batch in (16, 64, 256) for threads in (1, 2)]
    assert 200 <= len(cells) * seconds <= 300  # together with the rest about five minutes


def test_nets_batches_threads_and_seconds_can_be_chosen(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--nets", "c,a", "--batches", "8,32,8", "--threads", "2", "--seconds", "0.5"]
    assert answer(capsys, *words, "--output", str(tmp_path / "b.json")).code == 0
    assert asked == [([Cell("c", 8, 2), Cell("c", 32, 2), Cell("a", 8, 2), Cell("a", 32, 2)], 0.5)]


@pytest.mark.usefixtures("asked")
def test_figures_are_written_with_ratios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = answer(capsys, "--nets", "a", "--batches", "64", "--output", str(tmp_path / "b.json")).out
    assert out.startswith("Z80, 2 cores, load 0.0 beforehand; Python 3, NumPy 2")
    assert "parity" not in out
    first, second = json.loads((tmp_path / "b.json").read_text())["cells"]
    assert [first["goal"], second["goal"]] == [0.75, 0.65]
    assert first["parts"]["training"] == {
        "ratio": {"low": 0.5, "median": 0.5, "high": 0.5},
        "opponent": "contiguous",
        "seconds": {
            name: {"low": seconds, "median": seconds, "high": seconds}
            for name, seconds in (("ours", 1.0), ("contiguous", 2.0), ("channels_last", 3.0))
        },
        "bursts": {"ours": [1.0] * 3, "contiguous": [2.0] * 3, "channels_last": [3.0] * 3},
    }


def test_overhead_of_a_run_can_be_measured_alone(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--parts", "sweep", "--runs", "3", "--threads", "64", "--output", str(tmp_path / "b.json")]
    code, out, err = answer(capsys, *words)
    assert (code, err) == (0, "3 tiny runs, as in a sweep\n")
    assert [cells for cells, _ in asked] == [[]]
    assert "of 3 tiny runs" in out
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]  # no chart, and no run's folder
    written = json.loads((tmp_path / "b.json").read_text())["run_overhead"]
    assert written["goal"] == 0.3
    assert written["seconds"]["total"] == {"low": 0.25, "median": 0.25, "high": 0.25, "runs": [0.25] * 3}
    assert set(written["seconds"]) == {"total", "processor"}


def test_more_threads_than_cores_are_left_out_in_a_line(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--nets", "a", "--batches", "64", "--threads", "2,3,64", "--output", str(tmp_path / "b.json")]
    code, _, err = answer(capsys, *words)
    assert code == 0
    assert err.splitlines() == [
        "--threads 3,64: more than the 2 cores of this machine; left out",
        "1 of 1: net (a), batch 64, threads 2",
        "40 tiny runs, as in a sweep",
    ]
    assert [cell.threads for cell in asked[0][0]] == [2]


def test_no_possible_number_of_threads_is_an_error(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, "--threads", "3", "--output", str(tmp_path / "new" / "b.json"))
    assert (code, out) == (1, "")
    assert err == "--threads 3: more than the 2 cores of this machine; nothing is left to measure\n"
    assert not asked
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nets", "a,q"], "--nets: there is no net 'q', only a, b, c"),
        (["--nets", ""], "--nets: there is no net '', only a, b, c"),
        (["--parts", "core,nets"], "--parts: there is no part 'nets', only core, sweep"),
        (["--runs", "0"], "--runs: needs a whole number from 1 on, got '0'"),
        (["--batches", "64,0"], "--batches: needs whole numbers from 1 on, separated by commas, got '0'"),
        (["--batches", "64 16"], "--batches: needs whole numbers from 1 on, separated by commas, got '64 16'"),
        (["--threads", "1.5"], "--threads: needs whole numbers from 1 on, separated by commas, got '1.5'"),
        (["--threads", "²"], "--threads: needs whole numbers from 1 on, separated by commas, got '²'"),
        (["--seconds", "0"], "--seconds: needs a number above 0, got '0'"),
        (["--seconds", "inf"], "--seconds: needs a number above 0, got 'inf'"),
        (["--seconds", "soon"], "--seconds: needs a number above 0, got 'soon'"),
        (["--output", "figures.png"], "--output: needs a name that ends in .json, got 'figures.png'"),
    ],
)
def test_wrong_options_are_refused_in_two_lines(
    words: list[str], said: str, asked: list[tuple[list[Cell], float]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, *words)
    assert (code, out, asked) == (2, "", [])
    usage, error = err.splitlines()
    assert usage == "usage: python -m experiments.benchmark [options]"
    assert error == f"python -m experiments.benchmark: error: argument {said}"


def test_folder_that_cannot_be_made_is_known_before_anything_is_measured(
    asked: list[tuple[list[Cell], float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    code, _, err = answer(capsys, "--output", str(tmp_path / "file" / "b.json"))
    assert code == 1
    assert err.startswith(f"{tmp_path}/file: File exists")
    assert not asked


def test_help_has_the_nets_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "--help")
    assert code == 0
    assert "c: conv 1→32→64→128" in out
    assert out.rstrip().endswith("example: python -m experiments.benchmark --nets a,b --batches 64 --threads 1")


@pytest.mark.usefixtures("asked")
def test_figures_are_kept_in_the_outputs_of_the_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(benchmark, "write_json", lambda path, _: written.append(path))
    monkeypatch.setattr(benchmark, "draw_chart", lambda *arguments: written.append(arguments[-1]))
    assert answer(capsys).code == 0
    folder = CHECKOUT / "outputs" / "benchmark"
    assert written == [folder / "benchmark.json", folder / "benchmark.png"]
