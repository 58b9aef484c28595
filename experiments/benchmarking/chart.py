"""A benchmark as a picture: a column of panels for every net, a row for training and one for inference."""

from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.benchmarking.cell import OURS
from experiments.benchmarking.figures import Spread
from experiments.benchmarking.goals import goal
from experiments.benchmarking.nets import NETS
from experiments.benchmarking.result import Result
from experiments.benchmarking.work import TRAINING, WHOLES
from experiments.pictures.png import save_png

_COLOURS = ("#9ecbff", "#1f6feb", "#0a3069", "#57606a")  # by number of threads, in turn
_TEXT = ("black", "white", "white", "white")  # on them
_GOAL, _QUARTILES = "#cf222e", "#6e7781"
_TITLE_WIDTH = 44  # letters
_GROUP = 0.86  # of the distance between batch sizes is covered by bars


def draw_chart(results: list[Result], title: str, path: Path) -> None:
    """Draw our time by PyTorch's, with quartiles and goals, and write it as PNG.

    Where PyTorch was not there, images a second are drawn instead.

    Args:
        results: by cell.
        title: above the picture, such as the machine's name.
        path: of the PNG.
    """
    nets = list(dict.fromkeys(result.cell.net for result in results))
    compared = all(result.ratio(TRAINING) for result in results)
    quantity = "our time / PyTorch's" if compared else "images a second"
    figure = Figure(figsize=(2.0 + 3.1 * len(nets), 6.4), layout="constrained")
    figure.suptitle(fill(title, _TITLE_WIDTH * len(nets)), fontsize=10)
    panels = figure.subplots(len(WHOLES), len(nets), squeeze=False, sharey="row", sharex="col")
    for row, whole in zip(panels, WHOLES, strict=True):
        for axes, net in zip(row, nets, strict=True):
            _draw(axes, [result for result in results if result.cell.net == net], whole, compared=compared)
        row[0].set_ylabel(f"{whole}: {quantity}")
    for axes, net in zip(panels[0], nets, strict=True):
        axes.set_title(f"net ({net})\n{fill(NETS[net], _TITLE_WIDTH)}", fontsize=9, verticalalignment="top", y=1.19)
    for axes in panels[-1]:
        axes.set_xlabel("batch")
    figure.legend(
        handles=_keys(results, compared=compared), loc="outside lower center", ncols=2 * len(nets), frameon=False
    )
    save_png(figure, path)


def _draw(axes: Axes, results: list[Result], whole: str, *, compared: bool) -> None:
    """One net's bars: a group for every batch size, in it a bar for every number of threads."""
    batches = sorted({result.cell.batch for result in results})
    threads = sorted({result.cell.threads for result in results})
    width = _GROUP / max(2, len(threads))
    for result in results:
        place = threads.index(result.cell.threads)
        x = batches.index(result.cell.batch) + (place - (len(threads) - 1) / 2) * width
        height, colour = _height(result, whole), place % len(_COLOURS)
        axes.bar(x, height.median, width * 0.94, color=_COLOURS[colour], zorder=2)
        axes.vlines(x, height.low, height.high, color=_QUARTILES, linewidth=1.5, zorder=3)
        label = f"{height.median:.2f}" if compared else f"{height.median:,.0f}"
        foot = axes.annotate(label, (x, 0), (0, 4), textcoords="offset points", ha="center", fontsize=8, zorder=5)
        foot.set_color(_TEXT[colour])
        aim = goal(result.cell)
        if compared and aim:
            axes.hlines(aim, x - width / 2, x + width / 2, color=_GOAL, linewidth=2.5, zorder=4)
    if compared:
        axes.axhline(1.0, color="black", linewidth=1, linestyle=(0, (4, 3)), zorder=2.5)
    axes.set_xticks(range(len(batches)), [f"{batch}" for batch in batches])
    axes.margins(y=0.12)
    axes.grid(axis="y", alpha=0.25, zorder=0)
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _height(result: Result, whole: str) -> Spread:
    ratio = result.ratio(whole)
    if ratio:
        return ratio
    seconds, images = result.seconds(OURS, whole), result.cell.batch
    return Spread(images / seconds.high, images / seconds.median, images / seconds.low)


def _keys(results: list[Result], *, compared: bool) -> list[Patch | Line2D]:
    threads = sorted({result.cell.threads for result in results})
    keys: list[Patch | Line2D] = [
        Patch(color=_COLOURS[place % len(_COLOURS)], label=f"{count} thread{'s' if count > 1 else ''}")
        for place, count in enumerate(threads)
    ]
    keys.append(Line2D([], [], color=_QUARTILES, linewidth=1.5, label="quartiles"))
    if compared:
        keys.append(Line2D([], [], color="black", linewidth=1, linestyle=(0, (4, 3)), label="as fast as PyTorch"))
        keys.append(Line2D([], [], color=_GOAL, linewidth=2.5, label="goal"))
    return keys
