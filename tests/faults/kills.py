"""SIGKILL at random moments of a run, over its whole life; then the same command until it succeeds.

Its publisher, which nobody kills here, shows the run as KILLED by itself.
"""

import time

from tests.faults import job
from tests.faults.evidence import left_marks, left_open
from tests.faults.evidence import lost as lost_of
from tests.faults.ground import Ground
from tests.faults.processes import Started, begin, fork
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "kill"
_FRESH = 0.3  # the share of runs whose imports are part of their life
_AT_ONCE = 0.3  # the share of runs that are gone on with while the publisher of the killed one is still there


def trial(seed: int, ground: Ground) -> Trial:
    """Kill a run once to three times."""
    draw = chance(KIND, seed)
    outputs = ground.outputs(KIND)
    is_fresh = draw.random() < _FRESH
    undisturbed = ground.undisturbed(fresh=is_fresh)
    start = begin if is_fresh else fork
    moments = [draw.random() for _ in range(draw.choice([1, 1, 1, 2, 3]))]
    lost, killed = list[str](), list[Started]()
    for moment in moments:
        command = start(job.words(outputs), outputs.parent)
        _kill_after(command, moment * undisturbed.seconds)
        killed.append(command)
        if draw.random() > _AT_ONCE:
            lost += _left(killed)
            lost += left_open(outputs / "mlflow.db") + left_marks(outputs)
    command = fork(job.words(outputs), outputs.parent)
    lost += came_to_an_end(command)
    lost += _left(killed)
    if not lost:
        lost += lost_of(outputs, undisturbed.result)
    where = ", ".join(f"{moment:.0%}" for moment in moments)
    of = "of all its life" if is_fresh else "of its life after the imports"
    return Trial("SIGKILL of a run", seed, f"killed after {where} {of}", without_repetitions(lost), command.err)


def _left(killed: list[Started]) -> list[str]:
    """What is left of these, whose publishers may work for a while yet."""
    return [f"process {pid} is left" for command in killed for pid in command.end_all()]


def came_to_an_end(command: Started) -> list[str]:
    """What is wrong with the end of a command that should succeed, and which nobody disturbs."""
    if code := command.wait():
        return [f"the same command ends with {code}"]
    lost = [f"process {pid} is left" for pid in command.end_all()]
    return lost + (["there is a traceback"] if "Traceback" in command.err else [])


def _kill_after(command: Started, seconds: float) -> None:
    while command.code is None and time.monotonic() < command.begun + seconds:
        time.sleep(0.001)
    command.kill()
