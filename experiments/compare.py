"""`python -m experiments.compare [SWEEP]`: the runs of a sweep side by side, read from their folders."""

import sys
from pathlib import Path

import pandas as pd

from experiments.command_line import carried_out, parser, tracking_uri
from experiments.recorders.abandoned import close_abandoned_if_any
from experiments.recorders.history import History
from experiments.recorders.tracker import Store
from experiments.runs.folder import RunFolder
from experiments.sweeps.comparison import compare, table, write_comparison
from experiments.sweeps.folder import find_sweep
from experiments.terminal import print_table, stdout

__all__ = ["histories", "main", "runs"]


def main(words: list[str] | None = None) -> int:
    """Print the comparison of a sweep and write it to its folder; return the exit code."""
    arguments = parser(
        "compare",
        "Compare the runs of a sweep: a table here, comparison.csv and heat_map.png in the sweep's folder.",
        "python -m experiments.compare 365029",
    )
    arguments.add_argument(
        "sweep", nargs="?", metavar="SWEEP", help="id of a sweep or its beginning (default: the latest)"
    )
    chosen = arguments.parse_args(words)

    def command() -> None:
        store = Store(tracking_uri(chosen))
        if not store.is_missing():
            close_abandoned_if_any(store, chosen.outputs_dir)
        folder = find_sweep(chosen.outputs_dir, chosen.sweep)
        frame = compare(folder)
        written = write_comparison(folder, frame)
        print_table(table(folder, frame))
        stdout.print("\n".join(str(path) for path in written), markup=False, highlight=False)

    return carried_out(command)


def runs(outputs_dir: Path, sweep: str | None = None) -> pd.DataFrame:
    """The runs of a sweep, one row a run: what varies, the outcome and the final metrics.

    Args:
        outputs_dir: where `train` wrote.
        sweep: an id or its beginning; the latest if not given.

    Raises:
        UserError: there is no such sweep, or more than one.
    """
    return compare(find_sweep(outputs_dir, sweep))


def histories(outputs_dir: Path, sweep: str | None = None) -> pd.DataFrame:
    """The histories of a sweep's runs, one row an epoch of a run: identity, name, epoch and that epoch's metrics.

    Raises:
        UserError: there is no such sweep, or more than one.
    """
    return pd.DataFrame(
        {"identity": run["identity"], "name": run["name"], "epoch": row.epoch, **row.metrics}
        for run in find_sweep(outputs_dir, sweep).runs()
        for row in History(RunFolder(outputs_dir, run["identity"]).history).rows()
    )


if __name__ == "__main__":
    sys.exit(main())
