"""A whole benchmark: every cell, the naive loops, the machine's limit, the overhead of a run; and the record of it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from experiments.benchmarking.cell import Cell, measure
from experiments.benchmarking.figures import spread
from experiments.benchmarking.gemm import gemm_rate
from experiments.benchmarking.goals import RUN_OVERHEAD, goal
from experiments.benchmarking.machine import machine
from experiments.benchmarking.naive import naive_seconds
from experiments.benchmarking.overhead import Overhead
from experiments.benchmarking.result import Result
from experiments.benchmarking.work import WHOLES

_GEMM_SHARE = 0.1  # of a cell's time


@dataclass(frozen=True)
class Benchmark:
    """All that was measured.

    Attributes:
        machine: what it was measured on.
        results: by cell.
        naive: seconds an image of the naive loops' training step; none if net (a) was left out.
        gemm_rate: multiply-adds a second of one thread; none if there are no results to be held against it.
        overhead: of a run in a sweep; none if it was left out.
    """

    machine: dict[str, Any]
    results: list[Result]
    naive: float | None
    gemm_rate: float | None
    overhead: Overhead | None


def run_benchmark(
    cells: Iterable[Cell], seconds: float, measure_overhead: Callable[[], Overhead] | None = None
) -> Benchmark:
    """Measure all cells, each for about so many seconds, and after them the overhead of a run."""
    # As in a run: BLAS on one thread, the layers on several. PyTorch has threads of its own, and sets their number
    # for every burst.
    with threadpool_limits(1, user_api="blas"):
        found = machine()  # before there is any load of our own
        results = [Result(cell, measure(cell, seconds)) for cell in cells]
        naive = naive_seconds() if any(result.cell.net == "a" for result in results) else None
        rate = gemm_rate(_GEMM_SHARE * seconds) if results else None
        return Benchmark(found, results, naive, rate, measure_overhead() if measure_overhead else None)


def record(benchmark: Benchmark) -> dict[str, Any]:
    """A benchmark as JSON knows it; times in seconds, the whole's with every burst's median."""
    return {
        "machine": benchmark.machine,
        "gemm_multiply_adds_per_s": benchmark.gemm_rate,
        "naive_s_per_image": benchmark.naive,
        "cells": [_record(result) for result in benchmark.results],
        "run_overhead": _record_overhead(benchmark.overhead) if benchmark.overhead else None,
    }


def _record_overhead(overhead: Overhead) -> dict[str, Any]:
    seconds = {name: {**spread(values)._asdict(), "runs": values} for name, values in overhead.parts().items()}
    return {"goal": RUN_OVERHEAD, "seconds": seconds}


def _record(result: Result) -> dict[str, Any]:
    parts = {}
    for part in result.parts():
        ratio = result.ratio(part)
        parts[part] = {
            "ratio": ratio._asdict() if ratio else None,
            "opponent": result.opponent(part),
            "seconds": {name: result.seconds(name, part)._asdict() for name in result.bursts},
        }
        if part in WHOLES:
            parts[part]["bursts"] = {name: bursts[part] for name, bursts in result.bursts.items()}
    return {**asdict(result.cell), "goal": goal(result.cell), "parts": parts}
