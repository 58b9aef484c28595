"""A cell of the table: one network, one batch size, one number of threads."""

import time
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from experiments.benchmarking.measuring import Bursts, Contestant, alternate
from experiments.benchmarking.nets import build_net, random_images
from experiments.benchmarking.numpy_work import NumpyWork
from experiments.benchmarking.work import Work

OURS = "ours"
_SHARES = (0.45, 0.2, 0.25, 0.1)  # of a cell's time, in the order of `_tasks`


@dataclass(frozen=True)
class Cell:
    """What is measured together."""

    net: str
    batch: int
    threads: int


def measure(cell: Cell, seconds: float) -> dict[str, Bursts]:
    """Measure a cell for about so many seconds.

    Returns:
        By contestant (ours and, where it is installed, PyTorch in each of its formats) and part, the bursts' medians.
    """
    works, pause = _works(cell)
    measured: dict[str, Bursts] = {name: {} for name in works}
    for share, *tasks in zip(_SHARES, *map(_tasks, works.values()), strict=True):
        contestants = dict(zip(works, tasks, strict=True))
        bursts = alternate(contestants, seconds=share * seconds, rest=partial(time.sleep, pause))
        for name, parts in bursts.items():
            measured[name] |= parts
    return measured


def _works(cell: Cell) -> tuple[dict[str, Work], float]:
    """The contestants by name, and how long to wait between them until everyone's threads sleep."""
    net, images = build_net(cell.net), random_images(cell.batch)
    ours = NumpyWork(net, images, cell.threads)
    if find_spec("torch") is None:
        return {OURS: ours}, 0.0
    from experiments.benchmarking.pytorch_work import FORMATS, PyTorchWork, awake_seconds  # noqa: PLC0415  # an extra

    theirs = {name: PyTorchWork(net, images, cell.threads, name) for name in FORMATS}
    return {OURS: ours, **theirs}, awake_seconds(cell.threads)


def _tasks(work: Work) -> list[Contestant]:
    training, inference = partial(work.ready, training=True), partial(work.ready, training=False)
    return [
        Contestant(training, work.train),
        Contestant(inference, work.infer),
        Contestant(training, work.train_by_layer),
        Contestant(inference, work.infer_by_layer),
    ]
