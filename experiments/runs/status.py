"""How far a run or a sweep came, in a small file: `status.json`. Whether a process is at it, its lock alone says.

A run that is finished has a completion besides, `finished.json`, which decides.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from experiments.files import read_json, write_json
from experiments.untrusted import is_time_ms

STATUS = "status.json"


@dataclass(frozen=True)
class Status:
    """What is known of an attempt.

    Args:
        outcome: `running`, `paused`, `interrupted`, `failed` or, of a sweep, `completed`.
        started_ms: in ms since 1970; `ended_ms` likewise, None before the end.
        facts: what was learned of data and network, by the tag that shows it.
    """

    outcome: str
    started_ms: int
    ended_ms: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def read_status(folder: Path) -> Status | None:
    """None if there is none, or it is damaged."""
    content = read_json(folder / STATUS) or {}
    try:
        status = Status(**content)
    except TypeError:
        return None
    times = is_time_ms(status.started_ms) and (status.ended_ms is None or is_time_ms(status.ended_ms))
    texts = isinstance(status.facts, dict) and all(isinstance(text, str) for text in status.facts.values())
    return status if times and texts and isinstance(status.outcome, str) else None


def write_status(folder: Path, outcome: str, facts: Mapping[str, object] | None = None) -> None:
    """Note how far it is; the time of its start stays, and so do known facts where none are given."""
    before = read_status(folder)
    known = dict(before.facts) if before else {}
    known |= {key: str(value) for key, value in (facts or {}).items()}
    started_ms = before.started_ms if before else now_ms()
    ended_ms = None if outcome == "running" else max(now_ms(), started_ms)  # the clock may have been set back
    write_json(folder / STATUS, asdict(Status(outcome, started_ms, ended_ms, known)))


def now_ms() -> int:
    """Milliseconds since 1970."""
    return round(time.time() * 1000)
