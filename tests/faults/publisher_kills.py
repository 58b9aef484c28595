"""SIGKILL of the publisher at random moments of a run; sometimes the run dies as well, so that nobody closes it."""

import os
import signal
import time
from contextlib import suppress

from tests.faults import job
from tests.faults.evidence import left_marks, left_open, unusual
from tests.faults.evidence import lost as lost_of
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import Started, fork, until
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "publisher"
_WITH_THE_RUN = 0.3  # the share of trials in which nobody is left
_LINES = 1  # that a command may say of its store


def trial(seed: int, ground: Ground) -> Trial:
    """Kill the publisher once to three times, whenever the run has one."""
    draw = chance(KIND, seed)
    outputs = ground.outputs(KIND)
    expected, seconds = ground.undisturbed()
    moments = sorted(draw.random() for _ in range(draw.choice([1, 1, 2, 3])))
    with_run = draw.random() < _WITH_THE_RUN
    recovery = draw.choice(["the same command", "sync"])
    command = fork(job.words(outputs), outputs.parent)
    for moment in moments:
        _kill_publisher(command, command.begun + moment * seconds)
    if with_run:
        command.kill()
        lost = [f"process {pid} is left" for pid in command.end_all()]
    else:
        lost = came_to_an_end(command)
        lost += [f"it says {said}" for said in [unusual(command.err)] if len(said) > _LINES]
    said = command.err
    if recovery == "sync" and (outputs / "runs").exists():
        synced = fork(["sync", "--outputs-dir", str(outputs)], outputs.parent)
        lost += [f"sync: {what}" for what in came_to_an_end(synced)]
        lost += left_open(outputs / "mlflow.db") + left_marks(outputs)
        said += synced.err
    if with_run or recovery != "sync":
        again = fork(job.words(outputs), outputs.parent)
        lost += came_to_an_end(again)
        said += again.err
    if not lost:
        lost += lost_of(outputs, expected)
    where = ", ".join(f"{moment:.0%}" for moment in moments)
    done = f"killed after {where} of a run's life{', the run too' if with_run else ''}, then {recovery}"
    return Trial("SIGKILL of a publisher", seed, done, without_repetitions(lost), said)


def _kill_publisher(command: Started, moment: float) -> None:
    while command.code is None and time.monotonic() < moment:
        time.sleep(0.001)
    if until(command.publishers, command):
        for pid in command.publishers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
