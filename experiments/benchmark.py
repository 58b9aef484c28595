"""`python -m experiments.benchmark`: how fast the core is, beside PyTorch, the naive loops and the machine's limit, and
what a run of a sweep takes besides training."""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import joblib

from experiments.benchmarking.cell import Cell
from experiments.benchmarking.chart import draw_chart
from experiments.benchmarking.machine import described
from experiments.benchmarking.nets import NETS
from experiments.benchmarking.overhead import Overhead, measure_overhead
from experiments.benchmarking.report import tables
from experiments.benchmarking.run import record, run_benchmark
from experiments.command_line import carried_out, plain_parser
from experiments.config.places import checkout
from experiments.errors import UserError
from experiments.files import write_json
from experiments.terminal import print_table, stderr, stdout

Choice = TypeVar("Choice")

_DESCRIPTION = """\
Measure training steps and inference, whole and layer by layer, and compare them with PyTorch's where it is installed.
All takes turns in one process; figures are medians. Then tiny runs of a sweep are carried out, to see what they take
besides training. The nets, on images of 1×28×28:
"""
_PARTS = ("core", "sweep")


def main(words: list[str] | None = None) -> int:
    """Measure, print the tables and write them as JSON and as a chart; return the exit code."""
    nets = "\n".join(f"  {name}: {what}" for name, what in NETS.items())
    arguments = plain_parser(
        "benchmark", f"{_DESCRIPTION}{nets}", "python -m experiments.benchmark --nets a,b --batches 64 --threads 1"
    )
    arguments.usage = "%(prog)s [options]"
    arguments.add_argument(
        "--parts",
        type=_parts,
        default=",".join(_PARTS),
        metavar="A,B",
        help="core: the nets; sweep: a run's overhead (default: core,sweep)",
    )
    arguments.add_argument("--nets", type=_nets, default="a,b,c", metavar="A,B", help="default: a,b,c")
    arguments.add_argument("--batches", type=_numbers, default="16,64,256", metavar="N,M", help="default: 16,64,256")
    arguments.add_argument("--threads", type=_numbers, default="1,2", metavar="N,M", help="default: 1,2")
    arguments.add_argument(
        "--seconds",
        type=_seconds,
        default=14.0,
        metavar="S",
        help="for each net, batch size and number of threads (default: 14)",
    )
    arguments.add_argument(
        "--runs", type=_count, default=40, metavar="N", help="tiny runs for the overhead of one (default: 40)"
    )
    arguments.add_argument(
        "--output",
        type=_json_file,
        default=checkout() / "outputs" / "benchmark" / "benchmark.json",
        metavar="FILE.json",
        help="where the figures go, a chart beside them (default: outputs/benchmark/benchmark.json of the checkout)",
    )
    chosen = arguments.parse_args(words)
    return carried_out(lambda: _benchmark(chosen))


def _benchmark(chosen: argparse.Namespace) -> None:
    cells = []
    if "core" in chosen.parts:
        cells = [Cell(*choice) for choice in product(chosen.nets, chosen.batches, _possible(chosen.threads))]
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    overhead = partial(_overhead, chosen.output.parent, chosen.runs) if "sweep" in chosen.parts else None
    benchmark = run_benchmark(_announced(cells), chosen.seconds, overhead)
    _say(described(benchmark.machine))
    for table in tables(benchmark):
        print_table(table)
    if cells and benchmark.machine["pytorch"] is None:
        _say("There are no ratios without PyTorch: pip install -e '.[parity]'")
    write_json(chosen.output, record(benchmark))
    _say(f"{chosen.output}")
    if cells:
        picture = chosen.output.with_suffix(".png")
        draw_chart(benchmark.results, described(benchmark.machine), picture)
        _say(f"{picture}")


def _overhead(beside: Path, runs: int) -> Overhead:
    """Measure a run's overhead in a folder on the disk that is written to, and leave nothing there."""
    stderr.print(f"{runs} tiny runs, as in a sweep", markup=False, highlight=False)
    with TemporaryDirectory(dir=beside) as folder:
        return measure_overhead(Path(folder), runs)


def _announced(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Say what is measured next; a progress bar would be drawn by a thread of its own, in the way of the others."""
    for number, cell in enumerate(cells, start=1):
        line = f"{number} of {len(cells)}: net ({cell.net}), batch {cell.batch}, threads {cell.threads}"
        stderr.print(line, markup=False, highlight=False)
        yield cell


def _say(text: str) -> None:
    stdout.print(text, markup=False, highlight=False)


def _possible(threads: Sequence[int]) -> list[int]:
    """Those numbers of threads for which there are cores."""
    cores = joblib.cpu_count()
    left_out = [count for count in threads if count > cores]
    if left_out:
        line = f"--threads {','.join(map(str, left_out))}: more than the {cores} cores of this machine"
        if len(left_out) == len(threads):
            raise UserError(f"{line}; nothing is left to measure")
        stderr.print(f"{line}; left out", style="yellow", markup=False, highlight=False)
    return [count for count in threads if count <= cores]


def _parts(text: str) -> list[str]:
    return _each(text, _part)


def _part(word: str) -> str:
    if word not in _PARTS:
        raise argparse.ArgumentTypeError(f"there is no part {word!r}, only {', '.join(_PARTS)}")
    return word


def _nets(text: str) -> list[str]:
    return _each(text, _net)


def _net(word: str) -> str:
    if word not in NETS:
        raise argparse.ArgumentTypeError(f"there is no net {word!r}, only {', '.join(NETS)}")
    return word


def _numbers(text: str) -> list[int]:
    return _each(text, _number)


def _number(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"needs whole numbers from 1 on, separated by commas, got {word!r}")
    return int(word)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number from 1 on, got {text!r}")
    return int(text)


def _each(text: str, read: Callable[[str], Choice]) -> list[Choice]:
    """Read words separated by commas; one that is named twice counts once."""
    return list(dict.fromkeys(read(word.strip()) for word in text.split(",")))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"needs a number above 0, got {text!r}")
    return seconds


def _json_file(text: str) -> Path:
    path = Path(text).absolute()
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"needs a name that ends in .json, got {text!r}")
    return path


if __name__ == "__main__":
    sys.exit(main())
