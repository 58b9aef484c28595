"""How fast is fast enough: ratios of our time to PyTorch's, and seconds of a run in a sweep besides training."""

from experiments.benchmarking.cell import Cell

RUN_OVERHEAD = 0.3
_GOALS = {  # by net, batch and threads; there is none for others
    ("a", 64, 1): 0.75, ("a", 64, 2): 0.65, ("a", 256, 1): 0.75, ("a", 256, 2): 0.75,
    ("b", 64, 1): 1.0, ("b", 64, 2): 1.0, ("b", 256, 1): 1.0, ("b", 256, 2): 1.0,
    ("c", 64, 1): 1.2, ("c", 64, 2): 1.2, ("c", 256, 1): 1.2, ("c", 256, 2): 1.2,
}  # fmt: skip


def goal(cell: Cell) -> float | None:
    """The largest ratio that reaches the goal; none where none is set.

    >>> goal(Cell("a", 64, 2)), goal(Cell("a", 16, 1))
    (0.65, None)
    """
    return _GOALS.get((cell.net, cell.batch, cell.threads))
