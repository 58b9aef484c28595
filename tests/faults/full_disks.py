"""A disk that is full at a random moment of a run, then free again: a file system of a few megabytes in memory."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults import job
from tests.faults.evidence import Result, left_behind, left_open, lost_in_folder, lost_in_store, run_folder, unusual
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import Started, fork
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "full disk"
_SIZE = 6 << 20  # bytes of the disk: several times what a run and its store take
_LEFT = 20_000  # bytes at the most that are left when it is full: enough for some files, not for all
_LINES = 4  # that a command may say: of the log, of the store, of a picture, and when it gives up


def trial(seed: int, ground: Ground) -> Trial:
    """Fill the disk once or twice, each time during the command, and let the command go on when there is room."""
    draw = chance(KIND, seed)
    store_there = draw.random() < 0.5
    times = [(draw.random(), draw.randrange(_LEFT)) for _ in range(draw.choice([1, 2]))]
    expected, seconds = ground.undisturbed()
    elsewhere = ground.outputs(KIND)
    lost: list[str] = []
    with _disk(elsewhere.parent / "disk") as disk:
        outputs = disk / "outputs"
        database = (outputs if store_there else elsewhere) / "mlflow.db"
        if store_there:
            ground.put_store(outputs)
        words = job.words(outputs, f"tracking.uri=sqlite:///{database}")
        for moment, left in times:
            command = fork(words, elsewhere.parent)
            time.sleep(moment * seconds)
            with _filled(disk, left):
                lost += _wrong_with(command)
        again = fork(words, elsewhere.parent)
        lost += came_to_an_end(again)
        if not lost:
            lost += _lost(outputs, database, expected)
        said = command.err + again.err
    where = "with the store on it" if store_there else "without the store"
    done = ", ".join(f"filled after {moment:.0%} of the run but for {left} bytes" for moment, left in times)
    return Trial("disk full", seed, f"{where}, {done}", without_repetitions(lost), said)


def obstacle() -> str | None:
    """Why there can be no such trial here."""
    return None if os.geteuid() == 0 and Path("/bin/mount").exists() else "only root can mount a small disk"


def _wrong_with(command: Started) -> list[str]:
    """What is wrong with the end of a command that may give up, but has to say so in a few words."""
    code = command.wait()
    said = unusual(command.err)
    wrong = {
        f"it ends with {code}": code not in (0, 1),
        "there is a traceback": "Traceback" in command.err,
        f"it says {len(said)} lines: {said}": len(said) > _LINES,
        "it ends with 1 without a word": code == 1 and not said,
    }
    return [what for what, is_so in wrong.items() if is_so]


def _lost(outputs: Path, database: Path, expected: Result) -> list[str]:
    folder = run_folder(outputs)
    return [
        *lost_in_folder(folder, expected),
        *lost_in_store(database, outputs / "artifacts", folder, expected),
        *left_open(database),
        *left_behind(outputs),
    ]


@contextmanager
def _disk(place: Path) -> Iterator[Path]:
    """A small disk."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def _filled(disk: Path, left: int) -> Iterator[None]:
    """A disk with hardly any room, for as long as the context lasts."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - left))
    try:
        yield
    finally:
        filler.unlink()
