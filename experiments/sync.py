"""`python -m experiments.sync`: uploads what tracking stores missed, exactly once.

Every run's folder says what a store is to show of it and what it does, so nothing is asked of the network but what is
missing. Runs whose process is gone are closed on the way.
"""

import sys
from collections import Counter
from pathlib import Path

from experiments.command_line import carried_out, parser
from experiments.errors import UserError
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.pending import all_folders
from experiments.recorders.settling import Settled, settle, stores_missing
from experiments.recorders.uri import absolute_uri, public
from experiments.terminal import stdout


def main(words: list[str] | None = None) -> int:
    """Upload what is missing; return the exit code: 0 only if nothing is missing any more."""
    arguments = parser(
        "sync",
        "Upload what tracking stores missed of the runs and sweeps here: while they could not be reached, or because\n"
        "a process was killed. Each store that has missed something is asked, or the one that is named.",
        "python -m experiments.sync --tracking-uri http://127.0.0.1:5000",
    )
    chosen = arguments.parse_args(words)
    return carried_out(lambda: _sync(chosen.outputs_dir, chosen.tracking_uri))


def _sync(outputs_dir: Path, uri: str | None) -> None:
    missing = stores_missing(outputs_dir)
    if uri is not None:  # it may have a password, which no book has
        missing = Counter({absolute_uri(uri): missing[public(absolute_uri(uri))]})
    if not missing.total():
        _say(f"nothing is missing of the runs in {outputs_dir}")
    failures = [line for store, views in missing.items() if views and (line := _upload(outputs_dir, store, views))]
    if failures:
        raise UserError("\n".join(failures))


def _upload(outputs_dir: Path, uri: str, views: int) -> str | None:
    """Upload what one store misses; say what came of it, and return a line if something is missing still."""
    done: list[Settled] = []
    reason = "somebody is at it: its own command uploads it"
    try:
        for folder in all_folders(outputs_dir):
            if settled := settle(folder, uri):
                done.append(settled)
                _say(_line(settled))
    except TrackerError as error:
        reason = str(error).removeprefix(f"tracking.uri={public(uri)}: ")
    uploaded = sum(settled.views for settled in done)
    if uploaded:
        _say(f"{public(uri)}: {_counted(uploaded, 'run')} brought up to date")
    left = views - uploaded
    return f"tracking.uri={public(uri)}: {_counted(left, 'run')} still incomplete; {reason}" if left > 0 else None


def _line(settled: Settled) -> str:
    kind = settled.folder.parent.name.removesuffix("s")
    said = [f"{kind} {settled.folder.name}"]
    if settled.epochs:
        said.append(_counted(settled.epochs, "epoch"))
    if settled.closed:
        said.append("its process is gone, now KILLED")
    return "  ".join(said)


def _counted(count: int, noun: str) -> str:
    """A number of things.

    >>> _counted(1, "run"), _counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _say(line: str) -> None:
    stdout.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
