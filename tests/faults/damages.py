"""Files of a run that are cut off or have a bit turned over, of one that was interrupted and of one that is finished.

The same command then ends with the same result, or refuses in a line; it never says anything wrong.
"""

import shutil
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.faults import job
from tests.faults.evidence import epochs_recorded, left_behind, left_open, lost_in_folder, lost_in_store, run_folder
from tests.faults.ground import Ground
from tests.faults.processes import Started, fork, until
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "damage"
FILES = ("history.jsonl", "config.yaml", "environment.json", "targets.json", "status.json", "published.json")
_STOPPED_AFTER = 4  # epochs
_LINES = 3  # that a refusal may have


class Template(NamedTuple):
    """A run's outputs folder before the damage, and where it has to lie: its own address is in its files."""

    kept: Path
    outputs: Path


def trial(seed: int, ground: Ground) -> Trial:
    """Damage one file; files, states and kinds of damage take turns."""
    draw = chance(KIND, seed)
    kind = ("cut off", "a bit turned over")[seed % 2]
    is_finished = seed // 2 % 2 == 0
    files = [*FILES, "finished.json" if is_finished else "checkpoint.npz"]
    name = files[seed // 4 % len(files)]
    template = _template(ground, is_finished=is_finished)
    shutil.rmtree(template.outputs)
    shutil.copytree(template.kept, template.outputs)
    where = (_cut_off if kind == "cut off" else _turn_over)(run_folder(template.outputs) / name, draw)
    command = fork(job.words(template.outputs), template.outputs.parent)
    lost = _wrong_with(command, template.outputs, ground)
    state = "finished" if is_finished else "interrupted"
    return Trial(f"{name} {kind}", seed, f"{state} run, {where}", without_repetitions(lost), command.out + command.err)


def _wrong_with(command: Started, outputs: Path, ground: Ground) -> list[str]:
    code = command.wait()
    wrong = ["there is a traceback"] if "Traceback" in command.err else []
    if code:
        refusal = command.err.splitlines()
        return wrong if len(refusal) <= _LINES else [*wrong, f"it refuses in {len(refusal)} lines"]
    expected, _ = ground.undisturbed()
    if command.out.partition("\n")[0] != expected.printed:
        wrong.append(f"it prints {command.out.partition(chr(10))[0]!r} instead of {expected.printed!r}")
    folder, database = run_folder(outputs), outputs / "mlflow.db"
    wrong += lost_in_folder(folder, expected) + left_open(database) + left_behind(outputs)
    return wrong + lost_in_store(database, outputs / "artifacts", folder, expected, again=True)


def _cut_off(path: Path, draw: Random) -> str:
    length = draw.randrange(path.stat().st_size)
    path.write_bytes(path.read_bytes()[:length])
    return f"after byte {length}"


def _turn_over(path: Path, draw: Random) -> str:
    content = bytearray(path.read_bytes())
    place, bit = draw.randrange(len(content)), draw.randrange(8)
    before = bytes(content[max(0, place - 12) : place + 12])
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} in {before!r}"


@cache
def _template(ground: Ground, *, is_finished: bool) -> Template:
    """A run that is finished, or was killed on its way, and that its publisher alone has closed."""
    outputs = ground.outputs(KIND, kept=True)
    command = fork(job.words(outputs), outputs.parent)
    if is_finished:
        assert command.wait() == 0, command.err
    else:
        assert until(lambda: epochs_recorded(outputs) >= _STOPPED_AFTER, command)
        command.kill()
        assert not command.end_all()
    kept = outputs.with_name("kept")
    shutil.copytree(outputs, kept)
    return Template(kept, outputs)
