"""What came of one trial: what was done, so that it can be repeated, and what was lost, if anything."""

import random
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One fault and its consequences.

    Args:
        fault: the row of the table it counts in.
        seed: of its random moments; the same seed does the same.
        done: what was done.
        lost: what was lost, a line each; nothing if the run survived.
        said: what the commands said last.
    """

    fault: str
    seed: int
    done: str
    lost: tuple[str, ...] = ()
    said: str = ""

    def __str__(self) -> str:
        if not self.lost:
            return f"{self.fault}, seed {self.seed}: {self.done}: survived"
        said = "".join(f"\n    | {line}" for line in self.said.splitlines()[-30:])
        lost = "".join(f"\n    - {line}" for line in self.lost)
        return f"{self.fault}, seed {self.seed}: {self.done}: LOST{lost}{said}"


def chance(kind: str, seed: int) -> random.Random:
    """What the trial of a kind with this seed draws from."""
    return random.Random(f"{kind} {seed}")


def without_repetitions(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines in order, each once."""
    return tuple(dict.fromkeys(lines))
