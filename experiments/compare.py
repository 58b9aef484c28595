"""`python -m experiments.compare [SWEEP]`: the runs of a sweep side by side, read from their folders.

With two words or more they are runs, and what differs between them is shown.
"""

import sys
from pathlib import Path

import pandas as pd

from experiments.command_line import carried_out, own_store, parser, tracking_uri
from experiments.comparison.comparison import compare
from experiments.comparison.differences import difference_table, differences
from experiments.comparison.experiment_frames import experiment_histories, experiment_runs
from experiments.comparison.files import write_comparison
from experiments.comparison.run_finder import find_records, refuse_single_run
from experiments.comparison.terminal_table import print_comparison
from experiments.errors import UserError
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.store.store import Store
from experiments.sweeps.folder import SweepFolder, find_sweep
from experiments.terminal import print_table, stdout
from experiments.tracking.publisher import publish_outbox

__all__ = ["histories", "main", "runs"]


def main(words: list[str] | None = None) -> int:
    """Print the comparison of a sweep and write it to its folder; return the exit code."""
    arguments = parser(
        "compare",
        "Compare the runs of a sweep: a table here; a page, CSV, JSON and pictures in the sweep's folder.\n"
        "Or say what differs between two runs or more, in configuration, environment and result.",
        "python -m experiments.compare 365029\n         python -m experiments.compare 3f9a 81c2",
    )
    arguments.add_argument(
        "words",
        nargs="*",
        metavar="SWEEP | RUN RUN",
        help="id of a sweep or of its run in MLflow, or the beginning of one (default: the latest); or identities or "
        "MLflow run ids of two runs or more, or their beginnings",
    )
    chosen = arguments.parse_args(words)

    def command() -> None:
        store = Store(tracking_uri(chosen))
        if not store.is_missing():
            publish_outbox(store.uri, chosen.outputs_dir)
        if len(chosen.words) > 1:
            records = find_records(chosen.outputs_dir, store, chosen.words)
            print_table(difference_table(records, differences(records)))
            return
        folder = _sweep(chosen.outputs_dir, *chosen.words)
        comparison = compare(folder)
        print_comparison(comparison)
        try:
            written = write_comparison(comparison)
        except OSError as error:
            raise UserError(
                f"{folder.path}: {error.strerror}; page, CSV, JSON and pictures were not written"
            ) from error
        stdout.print("\n".join(str(path) for path in written), markup=False, highlight=False)

    return carried_out(command)


def _sweep(outputs_dir: Path, word: str | None = None) -> SweepFolder:
    """The sweep that is meant; a run in its place is answered by what can be done with one."""
    try:
        return find_sweep(outputs_dir, word)
    except UserError:
        if word is not None:
            refuse_single_run(outputs_dir, word)
        raise


def runs(
    outputs_dir: Path, sweep: str | None = None, *, experiment: str | None = None, tracking_uri: str | None = None
) -> pd.DataFrame:
    """The runs of a sweep, one row a run: what varies, the outcome and the final metrics; or those of an experiment.

    Args:
        outputs_dir: where `train` wrote.
        sweep: an id or its beginning; the latest if not given.
        experiment: all runs of this MLflow experiment in its place, with their whole configuration.
        tracking_uri: of the store that has the experiment; the one in `outputs_dir` if not given.

    Raises:
        UserError: there is no such sweep or experiment, or more than one sweep.
    """
    if experiment is not None:
        return experiment_runs(_store(outputs_dir, tracking_uri), experiment)
    return pd.DataFrame(compare(find_sweep(outputs_dir, sweep)).records())


def histories(
    outputs_dir: Path, sweep: str | None = None, *, experiment: str | None = None, tracking_uri: str | None = None
) -> pd.DataFrame:
    """The histories of these runs, one row an epoch of a run: identity, name, epoch and that epoch's metrics.

    Args:
        outputs_dir: as in `runs`, like all the others.
        sweep: see there.
        experiment: see there.
        tracking_uri: see there.

    Raises:
        UserError: there is no such sweep or experiment, or more than one sweep.
    """
    if experiment is not None:
        return experiment_histories(_store(outputs_dir, tracking_uri), experiment)
    return pd.DataFrame(
        {"identity": run["identity"], "name": run["name"], "epoch": row.epoch, **row.metrics}
        for run in find_sweep(outputs_dir, sweep).runs()
        for row in History(RunFolder(outputs_dir, run["identity"]).history).rows()
    )


def _store(outputs_dir: Path, uri: str | None) -> Store:
    return Store(uri or own_store(outputs_dir))


if __name__ == "__main__":
    sys.exit(main())
