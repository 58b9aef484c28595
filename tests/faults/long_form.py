"""`python -m tests.faults`: many trials of every kind of fault, and a table of what survived."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.ground import Ground
from tests.faults.kinds import KINDS, Kind
from tests.faults.trial import Trial


def main() -> int:
    """Carry out what the command line says; return 1 if anything was lost."""
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition(": ")[2])
    parser.add_argument("--trials", type=int, metavar="N", help="of each kind; else each has its own number")
    parser.add_argument("--only", choices=names, metavar="KIND", help=", ".join(names))
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first trial of each kind")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults") as base:
        ground = Ground(Path(base))
        try:
            kinds = [kind for kind in KINDS if chosen.only in (None, kind.name)]
            trials = list(_all(kinds, chosen.trials, chosen.seed, ground))
        finally:
            ground.close()
    _print_table(trials)
    return 1 if any(trial.lost for trial in trials) else 0


def _all(kinds: Sequence[Kind], number: int | None, first: int, ground: Ground) -> Iterator[Trial]:
    for kind in kinds:
        if obstacle := kind.obstacle():
            print(f"{kind.name}: {obstacle}", file=sys.stderr)
            continue
        for seed in range(first, first + (kind.long if number is None else number)):
            begun = time.monotonic()
            trial = _carried_out(kind, seed, ground)
            print(f"{time.monotonic() - begun:5.1f} s  {trial}", file=sys.stderr, flush=True)
            yield trial


def _carried_out(kind: Kind, seed: int, ground: Ground) -> Trial:
    """One trial; one that cannot be judged counts as lost."""
    try:
        trial = kind.trial(seed, ground)
    except Exception:  # whatever it is, the others are carried out
        return Trial(kind.name, seed, "could not be judged", (traceback.format_exc(),))
    ground.clear()
    return trial


def _print_table(trials: Sequence[Trial]) -> None:
    table = Table("fault", box=None, pad_edge=False)
    for column in ("tried", "survived", "lost"):
        table.add_column(column, justify="right")
    for fault in dict.fromkeys(trial.fault for trial in trials):
        _add_row(table, fault, [trial for trial in trials if trial.fault == fault])
    _add_row(table, "all", trials)
    Console(width=100, highlight=False).print(table)


def _add_row(table: Table, name: str, trials: Sequence[Trial]) -> None:
    lost = sum(bool(trial.lost) for trial in trials)
    table.add_row(name, str(len(trials)), str(len(trials) - lost), str(lost))
