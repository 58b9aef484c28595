"""The publisher process: follows the outbox while a command trains, makes a last pass when that ends, and is gone.

It reads one JSON line (`uri`, `outputs_dir`) from its standard input, then waits for the end of it, however its parent
ends. It writes JSON texts: lines for a person; an empty one is a sign of life.
"""

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.store.client import mlflow, without_garbage
from experiments.store.store import Store
from experiments.tracking.process import LONGEST, nothing_lost

if TYPE_CHECKING:
    from experiments.tracking.publisher import Pass, Publisher

_PAUSES = 0.5, 5.0  # seconds between two looks at the outbox, at least and at most
_SHARE = 0.1  # of the time for looks: training needs the processor
_RETRIES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds after the first failure, the second, and so forth
_GRACE = 60.0  # seconds for processes to close their runs whose parent was killed


def main() -> None:
    """Follow the outbox until standard input ends."""
    os.nice(10)  # training comes first; when it is over, nothing else wants the processor
    mlflow()
    with without_garbage():
        from experiments.tracking.publisher import Publisher  # noqa: PLC0415  # with matplotlib, a second
    _tell()
    if not (line := sys.stdin.readline()):  # there was nothing to train
        return
    asked = json.loads(line)
    store, outputs_dir = Store(asked["uri"]), Path(asked["outputs_dir"])
    publisher = Publisher(store, outputs_dir, _tell)
    said, closed = set[str](), set[Path]()
    failures, pause = 0, _PAUSES[0]
    while not _is_over(_RETRIES[min(failures, len(_RETRIES)) - 1] if failures else pause):
        begun = time.monotonic()
        done = publisher.publish()
        pause = min(max(_PAUSES[0], (time.monotonic() - begun) / _SHARE), _PAUSES[1])
        failures = failures + 1 if done.unreachable is not None else 0
        closed = (closed - done.shown) | done.closed  # most are about to be taken up again: it is said at the end
        done.closed = set()
        _say(done, said)
    if not sys.stdin.readline():  # the parent was killed: its workers are about to end too
        _wait_for_workers(publisher)
    signal.alarm(round(LONGEST))  # the end of it, whoever may wait
    done = publisher.publish(again=True)
    store.close()
    done.closed |= closed - done.shown
    _say(done, said)
    # What another command has left meanwhile is its own publisher's.
    if left := publisher.left() if done.unreachable is not None else list(done.failed):
        _tell(nothing_lost(left))


def _is_over(seconds: float) -> bool:
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _wait_for_workers(publisher: "Publisher") -> None:
    until = time.monotonic() + _GRACE
    while publisher.is_awaited() and time.monotonic() < until:
        publisher.publish()
        time.sleep(_PAUSES[0])


def _say(done: "Pass", said: set[str]) -> None:
    for line in done.lines():
        if line not in said:
            said.add(line)
            _tell(line)


def _tell(text: str = "") -> None:
    with suppress(OSError):  # nobody is left to hear it
        sys.stdout.write(json.dumps(text) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # what MLflow would still do takes a while, and changes nothing
