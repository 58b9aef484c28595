"""A benchmark as tables for people: the whole against its goals, the layers, the naive loops, the limit, and what a run
takes besides training."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.benchmarking.cell import OURS, Cell
from experiments.benchmarking.figures import Spread, spread
from experiments.benchmarking.gemm import training_multiply_adds
from experiments.benchmarking.goals import RUN_OVERHEAD, goal
from experiments.benchmarking.nets import build_net
from experiments.benchmarking.overhead import EPOCHS, Overhead
from experiments.benchmarking.result import Result
from experiments.benchmarking.run import Benchmark
from experiments.benchmarking.work import BACKWARD, FORWARD, INFERENCE, LOSS, STEP, TRAINING, WHOLES, part

_LAYERS_AT = 64  # the batch size whose layers are shown
_NONE = "–"
_SPENT_FOR = {
    "total": "all but the epochs: identity, folder, checkpoints, log",
    "processor": "of the total; the rest is waiting",
}


def tables(benchmark: Benchmark) -> list[Table]:
    """All tables, in the order to read them."""
    results, rate, overhead = benchmark.results, benchmark.gemm_rate, benchmark.overhead
    core = [_wholes(results), *map(_layers, _shown(results)), *_naive(benchmark)] if results else []
    return [*core, *([_limit(results, rate)] if rate else []), *([_overhead(overhead)] if overhead else [])]


def _wholes(results: list[Result]) -> Table:
    """Every cell's training step and inference."""
    table = _table(
        "milliseconds of ours and of PyTorch in its faster format (* channels_last); their ratio (its quartiles):\n"
        "lower is better, ✓ reaches the goal, ✗ does not"
    )
    for title in ("net", "batch", "threads", "goal"):
        table.add_column(title, justify="right")
    for whole in WHOLES:
        for title in (whole, "PyTorch", "ratio"):
            table.add_column(title, justify="right", no_wrap=True)
    for i, result in enumerate(results):
        cell, aim = result.cell, goal(result.cell)
        cells = [cell.net, f"{cell.batch}", f"{cell.threads}", f"≤ {aim:.2f}" if aim else _NONE]
        for whole in WHOLES:
            cells += [
                _milliseconds(result.seconds(OURS, whole).median),
                _theirs(result, whole),
                _against(result.ratio(whole), aim),
            ]
        last_of_net = i + 1 < len(results) and results[i + 1].cell.net != cell.net
        table.add_row(*cells, end_section=last_of_net)
    return table


def _shown(results: list[Result]) -> list[Result]:
    """The results whose layers are shown: of the usual batch size, or of the first if that was not measured."""
    batch = _LAYERS_AT if any(result.cell.batch == _LAYERS_AT for result in results) else results[0].cell.batch
    return [result for result in results if result.cell.batch == batch]


def _layers(result: Result) -> Table:
    """The parts of a cell's training step and inference, a layer a row."""
    table = _table(f"net ({result.cell.net}) layer by layer, {_sized(result.cell)}: milliseconds")
    table.add_column("layer")
    for title in (FORWARD, BACKWARD, INFERENCE):
        for column in (title, "PyTorch", "ratio"):
            table.add_column(column, justify="right", no_wrap=True)
    layers = [name.removeprefix(f"{FORWARD} ") for name in result.parts() if name.startswith(FORWARD)]
    rows = {name: [part(what, name) for what in (FORWARD, BACKWARD, INFERENCE)] for name in layers}
    for name, parts in (rows | {name: [name] for name in (LOSS, STEP)}).items():
        table.add_row(name, *(cell for each in parts for cell in _trio(result, each)))
    return table


def _trio(result: Result, name: str) -> list[str]:
    opponent, ratio = result.opponent(name), result.ratio(name)
    theirs = f"{result.seconds(opponent, name).median * 1e3:.3f}" if opponent else _NONE
    return [f"{result.seconds(OURS, name).median * 1e3:.3f}", theirs, f"{ratio.median:.2f}" if ratio else _NONE]


def _naive(benchmark: Benchmark) -> Iterable[Table]:
    """The naive loops' time for an image beside ours."""
    if benchmark.naive is None:
        return
    table = _table("a training step of net (a), milliseconds an image")
    for title in ("", "an image", "naive loops take"):
        table.add_column(title, justify="right" if title else "left")
    table.add_row("naive loops", f"{benchmark.naive * 1e3:.1f}", "")
    for result in benchmark.results:
        if result.cell.net == "a":
            image = result.seconds(OURS, TRAINING).median / result.cell.batch
            table.add_row(
                f"ours, {_sized(result.cell)}",
                f"{image * 1e3:.4f}",
                f"{benchmark.naive / image:,.0f} times as long",
            )
    yield table


def _limit(results: list[Result], rate: float) -> Table:
    """A training step's time beside that of its multiply-adds alone."""
    table = _table(f"the limit: {rate / 1e9:.0f} billion multiply-adds a second")
    for title in ("net", "batch", "threads", "limit, ms", "ours reaches", "PyTorch"):
        table.add_column(title, justify="right")
    for result in results:
        cell = result.cell
        limit = training_multiply_adds(build_net(cell.net)) * cell.batch / (rate * cell.threads)
        reached = [
            f"{limit / result.seconds(name, TRAINING).median:.0%}" if name else _NONE
            for name in (OURS, result.opponent(TRAINING))
        ]
        table.add_row(cell.net, f"{cell.batch}", f"{cell.threads}", f"{limit * 1e3:.2f}", *reached)
    return table


def _overhead(overhead: Overhead) -> Table:
    """What a run of a sweep takes besides training."""
    table = _table(
        f"overhead of a run in a sweep: seconds of {len(overhead.total)} tiny runs of {EPOCHS} epochs\n"
        f"median (quartiles), while MLflow shows them on SQLite; the goal is ≤ {RUN_OVERHEAD}"
    )
    for title in ("", "seconds", "for"):
        table.add_column(title, no_wrap=True)
    for name, seconds in overhead.parts().items():
        figures = spread(seconds)
        text = f"{figures.median:.3f} ({figures.low:.3f}–{figures.high:.3f})"
        if name == "total":
            text = f"[green]{text} ✓[/]" if figures.median <= RUN_OVERHEAD else f"[red]{text} ✗[/]"
        table.add_row(name, text, _SPENT_FOR[name])
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD)


def _sized(cell: Cell) -> str:
    return f"batch {cell.batch}, {cell.threads} thread{'s' if cell.threads > 1 else ''}"


def _milliseconds(seconds: float) -> str:
    """Four digits.

    >>> _milliseconds(0.0123), _milliseconds(1.5)
    ('12.30', '1500')
    """
    return f"{seconds * 1e3:#.4g}".rstrip(".")


def _theirs(result: Result, whole: str) -> str:
    opponent = result.opponent(whole)
    if opponent is None:
        return _NONE
    return _milliseconds(result.seconds(opponent, whole).median) + ("*" if opponent == "channels_last" else " ")


def _against(ratio: Spread | None, aim: float | None) -> str:
    """A ratio with its quartiles and, where there is a goal, whether it is met."""
    if ratio is None:
        return _NONE
    text = f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    if aim is None:
        return f"{text}  "
    return f"[green]{text} ✓[/]" if ratio.median <= aim else f"[red]{text} ✗[/]"
