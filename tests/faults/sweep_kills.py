"""SIGKILL at random moments of a sweep: its own process, or one that carries out its runs; then the same command."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from tests.end_to_end.sweeps import workers
from tests.faults import job
from tests.faults.evidence import Result, left_behind, left_marks, left_open, lost_in_folder, lost_in_store, result
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import Started, begin, fork, until
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "sweep"
_RATES = "0.001,0.003,0.01,0.03"
_EPOCHS = 20


def trial(seed: int, ground: Ground) -> Trial:
    """Kill a process of a sweep, serial or on two processes."""
    draw = chance(KIND, seed)
    outputs = ground.outputs(KIND)
    launcher = draw.choice(["serial", "joblib"])
    victim = draw.choice(["itself", "worker"]) if launcher == "joblib" else "itself"
    recorded, moment = draw.randrange(len(_RATES.split(","))), draw.random()
    command = begin(_words(outputs, f"launcher={launcher}"), outputs.parent)
    until(lambda: len(list((outputs / "runs").glob("*/history.jsonl"))) > recorded, command)
    time.sleep(moment)
    _kill(command, victim, draw)
    lost = [f"process {pid} is left" for pid in command.end_all()]
    lost += left_open(outputs / "mlflow.db") + left_marks(outputs)
    again = fork(_words(outputs), outputs.parent)
    lost += came_to_an_end(again)
    if not lost:
        lost += _lost(outputs, _expected(ground))
    done = f"{launcher}, {victim} killed {moment:.2f} s after run {recorded + 1} had begun to record"
    return Trial("SIGKILL in a sweep", seed, done, without_repetitions(lost), again.err)


def _words(outputs: Path, *more: str) -> list[str]:
    name, *words = job.words(outputs, *more, epochs=_EPOCHS)
    return [name, "-m", *words, f"optimizer.lr={_RATES}"]


def _kill(command: Started, victim: str, draw: random.Random) -> None:
    """A killed worker costs its own run; the sweep goes on to its end."""
    victims = sorted(workers(command.pid))
    if victim == "itself" or not victims:
        command.kill()
        return
    with suppress(ProcessLookupError):
        os.kill(draw.choice(victims), signal.SIGKILL)
    command.wait()


@cache
def _expected(ground: Ground) -> dict[str, Result]:
    """What every run comes to in a sweep that nothing happens to, by identity."""
    outputs = ground.outputs(KIND)
    command = fork(_words(outputs), outputs.parent)
    assert command.wait() == 0, command.err
    return {folder.name: result(folder) for folder in (outputs / "runs").iterdir()}


def _lost(outputs: Path, expected: dict[str, Result]) -> list[str]:
    database, artifacts = outputs / "mlflow.db", outputs / "artifacts"
    folders = {folder.name: folder for folder in (outputs / "runs").iterdir()}
    if folders.keys() != expected.keys():
        return [f"there are runs {sorted(folders)} instead of {sorted(expected)}"]
    lost = left_open(database) + left_behind(outputs) + _lost_parent(database)
    for identity, folder in folders.items():
        lost += lost_in_folder(folder, expected[identity])
        lost += lost_in_store(database, artifacts, folder, expected[identity])
    return lost


def _lost_parent(database: Path) -> list[str]:
    """What is wrong with the sweep's own run."""
    with closing(sqlite3.connect(database)) as store:
        found = store.execute("SELECT status FROM runs JOIN tags USING (run_uuid) WHERE key = 'sweep.size'").fetchall()
    statuses = sorted(status for (status,) in found)
    return [] if statuses.count("FINISHED") == 1 else [f"the sweep's own runs are {statuses}"]
