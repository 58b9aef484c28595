"""How much longer training takes when its tracking server is away or out of its mind: measured, not judged."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.faults import job
from tests.faults.evidence import run_folder
from tests.faults.ground import Ground
from tests.faults.processes import fork
from tests.faults.proxy import Mode

_EPOCHS, _IMAGES = 30, 1500
_REPETITIONS = 3
_MEASURED = ("stopped", "stalled", *(f"requests {mode.value}" for mode in (Mode.ERROR, Mode.HANG, Mode.SLOW)))


def measured(ground: Ground) -> Iterator[str]:
    """A line for each fault: by how much training, and the whole command, take longer than with a server that is well.

    Training is from the first epoch's end to the last's. With and without take turns; of their ratios it is the median.
    """
    for fault in _MEASURED:
        pairs = [(_seconds(ground, None), _seconds(ground, fault)) for _ in range(_REPETITIONS)]
        training = median(after[0] / before[0] for before, after in pairs)
        longer = median(after[1] - before[1] for before, after in pairs)
        yield f"server {fault}: training {training - 1:+.1%}, the command {longer:+.1f} s"


def _seconds(ground: Ground, fault: str | None) -> tuple[float, float]:
    """How long training takes, and the whole command."""
    site, outputs = ground.site, ground.outputs("slowdown")
    site.heal()
    tracking = [f"tracking.uri={site.uri(fault)}", f"tracking.experiment={outputs.parent.name}"]
    words = job.words(outputs, *tracking, epochs=_EPOCHS, images=_IMAGES)
    if fault is not None:
        site.break_down(fault)
    begun = time.monotonic()
    command = fork(words, outputs.parent)
    assert command.wait() == 0, command.err
    whole = time.monotonic() - begun
    site.heal()
    training = _between_epochs(run_folder(outputs))
    ground.clear()
    return training, whole


def _between_epochs(folder: Path) -> float:
    times = [json.loads(line)["timestamp_ms"] for line in (folder / "history.jsonl").read_text().splitlines()]
    return float(times[-1] - times[0]) / 1000
