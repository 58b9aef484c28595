"""`python -m experiments.sync`: makes tracking stores show all that the folders here say.

It is what happens behind every training, once and for all folders: what a store already shows is asked of it.
"""

import sys
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.command_line import carried_out, own_store, parser, refuse_missing, say_which_store
from experiments.comparison.wording import counted
from experiments.errors import UserError
from experiments.lock import GLANCE
from experiments.store.store import Store
from experiments.store.uri import absolute_uri, public
from experiments.terminal import stdout
from experiments.tracking.outbox import all_folders, is_held, put
from experiments.tracking.publisher import Pass, Publisher
from experiments.tracking.targets import add_target, new_target, targets


def main(words: list[str] | None = None) -> int:
    """Upload what is missing; return the exit code: 0 only if nothing is missing any more."""
    arguments = parser(
        "sync",
        "Upload what tracking stores missed of the runs and sweeps here: while they could not be reached, or because\n"
        "a process was killed, or their database is gone. Every store that is to show any is asked, or the one\n"
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
    if uri is not None and everything:
        _show_here_too(outputs_dir, uri)
    own, sent, failures = absolute_uri(own_store(outputs_dir)), 0, []
    stores = [absolute_uri(uri)] if uri is not None else _stores(outputs_dir)
    if uri is None:
        say_which_store(stores or [own], "--tracking-uri ")
    for store in stores:
        if uri is None and store != own and Store(store).is_missing():
            failures.append(f"tracking.uri={public(store)}: there is no such database; --tracking-uri {own} --all "
                            "shows all its runs in that of this folder")  # fmt: skip
            continue
        publisher = Publisher(Store(store), outputs_dir, asks_all=True)
        done = publisher.publish(all_folders(outputs_dir))
        sent += _say_sent(publisher, done)
        failures += _failures(store, publisher, done)
    if failures:
        raise UserError("\n".join(failures))
    if not sent:
        which = "" if uri is None or everything else f" that were to be shown at {public(absolute_uri(uri))}"
        _say(f"nothing is missing of the runs in {outputs_dir}{which}{'; --all adds the others' if which else ''}")


def _stores(outputs_dir: Path) -> list[str]:
    """Every store that is to show anything of the folders here."""
    return list(dict.fromkeys(target.uri for folder in all_folders(outputs_dir) for target in targets(folder)))


def _show_here_too(outputs_dir: Path, uri: str) -> None:
    """Have a store show what others show, of folders that no process is at."""
    for folder in all_folders(outputs_dir):
        with suppress(Timeout), FileLock(folder / "lock", timeout=GLANCE):
            for known in targets(folder):
                if known.current and not known.is_at(uri):
                    put(folder)
                    copy = new_target(uri, known.experiment, known.name, known.sweep, known.overrides)
                    add_target(folder, copy)


def _say_sent(publisher: Publisher, done: Pass) -> int:
    """Say what was brought up to date, and return how many that were."""
    sent = {folder: epochs for folder, epochs in publisher.reconciler.sent.items() if folder in done.shown}
    for folder, epochs in sent.items():
        said = [f"{folder.parent.name.removesuffix('s')} {folder.name}"]
        if epochs:
            said.append(counted(epochs, "epoch"))
        if folder in done.closed:
            said.append("its process is gone, now KILLED")
        _say("  ".join(said))
    return len(sent)


def _failures(uri: str, publisher: Publisher, done: Pass) -> list[str]:
    held = sum(is_held(folder) for folder in done.shown if folder.parent.name != "sweeps")
    if done.unreachable is not None:
        left = sum(folder.parent.name != "sweeps" for folder in publisher.left())
        return [f"{done.unreachable}" + (f"; {counted(left, 'run')} not complete there" if left else "")]
    refused = list(dict.fromkeys(str(error) for error in done.refused.values()))
    if held:
        refused.append(f"tracking.uri={public(uri)}: a process is at {counted(held, 'run')}: its own command goes on")
    return refused


def _say(line: str) -> None:
    stdout.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
