"""Death at every single write of a run, one a trial; then the same command until it succeeds.

A kill at a random moment rarely meets the moment between a file's draft and its name. These are all of them.
"""

import re
from functools import cache

from tests.faults import job
from tests.faults.evidence import left_marks, left_open
from tests.faults.evidence import lost as lost_of
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import fork
from tests.faults.trial import Trial, without_repetitions

KIND = "write"
_EPOCHS = 2  # the second has every kind of write that any later one has


def trial(seed: int, ground: Ground) -> Trial:
    """Die before write number 1 + seed, modulo their number."""
    points = write_points(ground)
    number = 1 + seed % len(points)
    outputs = ground.outputs(KIND)
    words = job.words(outputs, epochs=_EPOCHS)
    command = fork(words, outputs.parent, die_at_write=number)
    code = command.wait()
    lost = [] if code in (-9, 0) else [f"the command that should have died ended with {code}"]
    lost += [f"process {pid} is left" for pid in command.end_all()]
    lost += left_open(outputs / "mlflow.db") + left_marks(outputs)
    again = fork(words, outputs.parent)
    lost += came_to_an_end(again)
    if not lost:
        lost += lost_of(outputs, ground.undisturbed(_EPOCHS).result)
    done = f"died before write {number} of {len(points)}, {points[number - 1]}"
    return Trial("SIGKILL before a write", seed, done, without_repetitions(lost), again.err)


@cache
def write_points(ground: Ground) -> tuple[str, ...]:
    """Every write of an undisturbed run, in order."""
    outputs = ground.outputs(KIND)
    noted = outputs.parent / "points"
    command = fork(job.words(outputs, epochs=_EPOCHS), outputs.parent, points=noted)
    assert command.wait() == 0, command.err
    return tuple(_without_chance(line.partition(": ")[2]) for line in noted.read_text().splitlines())


def _without_chance(point: str) -> str:
    """What it does and to which file, without where that is and what is drawn anew each time."""
    what, _, path = point.partition(" ")
    return f"{what} {re.sub(r'[.][0-9a-f]{32}', '', path.rpartition('/')[2])}".strip()
