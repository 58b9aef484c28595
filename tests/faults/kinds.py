"""All kinds of fault, and how many trials of each there are."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import (
    crashes,
    damages,
    full_disks,
    hostile,
    interruptions,
    kills,
    outages,
    publisher_kills,
    refused_files,
    sweep_kills,
)
from tests.faults.ground import Ground
from tests.faults.trial import Trial


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Args:
        name: as `--only` has it.
        trial: carries out one, by its seed.
        long: how many trials the long form has if not told otherwise.
        quick: the seeds of pytest's.
        obstacle: says why it cannot be tried on this machine, if it cannot.
    """

    name: str
    trial: Callable[[int, Ground], Trial]
    long: int
    quick: tuple[int, ...]
    obstacle: Callable[[], str | None] = lambda: None


KINDS = (
    Kind(kills.KIND, kills.trial, 50, (1, 13)),
    Kind(crashes.KIND, crashes.trial, 140, (9, 42, 75, 116)),  # every write of a run, and some of them twice
    Kind(sweep_kills.KIND, sweep_kills.trial, 6, (2,)),
    Kind(interruptions.KIND, interruptions.trial, 60, (0, 1)),
    Kind(publisher_kills.KIND, publisher_kills.trial, 50, (0, 1)),
    Kind(outages.KIND, outages.trial, 20, (7, 10)),
    Kind(refused_files.KIND, refused_files.trial, 6, (0, 1, 2)),
    Kind(full_disks.KIND, full_disks.trial, 12, (2, 4), full_disks.obstacle),
    Kind(damages.KIND, damages.trial, 110, (0, 1, 5, 37, 107)),
    Kind(hostile.KIND, hostile.trial, hostile.NUMBER, (0, 3, 8, 16, 21, 29)),
)
