"""`python -m experiments.sync`: uploads what tracking stores missed, exactly once.

Every run's folder says what a store is to show of it and what it does; the store is asked only whether it still has
the MLflow runs at all. Runs whose process is gone are closed on the way.
"""

import sys
from pathlib import Path

from experiments.command_line import carried_out, own_store, parser, refuse_missing, say_which_store
from experiments.comparison.wording import counted
from experiments.errors import UserError
from experiments.recorders.book import BOOK, entries, place_of
from experiments.recorders.mlflow_client import TrackerError
from experiments.recorders.pending import all_folders
from experiments.recorders.rebuilding import forget_lost, show_here_too
from experiments.recorders.settling import Settled, settle_all, stores_missing
from experiments.recorders.store import Store
from experiments.recorders.uri import absolute_uri, public
from experiments.terminal import stdout


def main(words: list[str] | None = None) -> int:
    """Upload what is missing; return the exit code: 0 only if nothing is missing any more."""
    arguments = parser(
        "sync",
        "Upload what tracking stores missed of the runs and sweeps here: while they could not be reached, or because\n"
        "a process was killed, or their database is gone. Each store that has missed something is asked, or the one\n"
        "that is named.",
        "python -m experiments.sync --tracking-uri http://127.0.0.1:5000",
    )
    arguments.add_argument(
        "--all", action="store_true", help="show all runs there, also those that were to be shown elsewhere"
    )
    chosen = arguments.parse_args(words)
    if chosen.all and chosen.tracking_uri is None:
        arguments.error("--all needs --tracking-uri: where are all runs to be shown?")
    return carried_out(lambda: _sync(chosen.outputs_dir, chosen.tracking_uri, everything=chosen.all))


def _sync(outputs_dir: Path, uri: str | None, *, everything: bool) -> None:
    refuse_missing(outputs_dir)
    stores = [absolute_uri(uri)] if uri is not None else _stores(outputs_dir)
    if uri is None:
        say_which_store(stores or [_own(outputs_dir)], "--tracking-uri ")
    uploaded, failures = 0, []
    for store in stores:
        reason = "somebody is at it: its own command uploads it"
        try:
            if uri is None:
                _refuse_missing(store, outputs_dir)
            _rebuild(outputs_dir, store, everything=everything)
            uploaded += _upload(outputs_dir, store)
        except TrackerError as error:
            reason = str(error).removeprefix(f"tracking.uri={public(store)}: ")
        else:
            if not stores_missing(outputs_dir)[public(store)]:
                continue
        left = stores_missing(outputs_dir)[public(store)]
        said = f"{counted(left, 'run')} still incomplete; " if left else ""
        failures.append(f"tracking.uri={public(store)}: {said}{reason}")
    if failures:
        raise UserError("\n".join(failures))
    if not uploaded:
        which = "" if uri is None or everything else f" that were to be shown at {public(absolute_uri(uri))}"
        _say(f"nothing is missing of the runs in {outputs_dir}{which}{'; --all adds the others' if which else ''}")


def _stores(outputs_dir: Path) -> list[str]:
    """The stores that have missed something, and the project's own, which may have been deleted."""
    own = _own(outputs_dir)
    keys = {key for folder in all_folders(outputs_dir) for key in entries(folder / BOOK)}
    has_own = any((place_of(key) or ("",))[0] == own for key in keys)
    return [own] * has_own + [store for store in stores_missing(outputs_dir) if store != own]


def _own(outputs_dir: Path) -> str:
    return absolute_uri(own_store(outputs_dir))


def _refuse_missing(uri: str, outputs_dir: Path) -> None:
    """Make no database anew but the project's own: where a book alone names it, it is the place that is not right."""
    own = _own(outputs_dir)
    if uri != own and Store(uri).is_missing():
        raise TrackerError(
            "there is no such database; if the outputs folder was moved, "
            f"python -m experiments.sync --outputs-dir {outputs_dir} --tracking-uri {own} --all shows all its runs here"
        )


def _rebuild(outputs_dir: Path, uri: str, *, everything: bool) -> None:
    """Find out what a store has lost, or never had."""
    store = Store(uri)
    known = store.run_ids()
    for folder in all_folders(outputs_dir):
        forget_lost(folder, store, known)
        if everything:
            show_here_too(folder, uri)


def _upload(outputs_dir: Path, uri: str) -> int:
    """Upload what one store misses, saying so; return how many runs that were."""
    uploaded = 0
    for settled in settle_all(all_folders(outputs_dir), uri):
        uploaded += settled.views
        _say(_line(settled))
    if uploaded:
        _say(f"{public(uri)}: {counted(uploaded, 'run')} brought up to date")
    return uploaded


def _line(settled: Settled) -> str:
    kind = settled.folder.parent.name.removesuffix("s")
    said = [f"{kind} {settled.folder.name}"]
    if settled.epochs:
        said.append(counted(settled.epochs, "epoch"))
    if settled.closed:
        said.append("its process is gone, now KILLED")
    return "  ".join(said)


def _say(line: str) -> None:
    stdout.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
