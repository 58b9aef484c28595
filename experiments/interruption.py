"""What Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) do: end the work in order, and cut nothing in two.

A signal that whoever started the process had ignored, as `nohup` does with SIGHUP, stays ignored.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130  # exit code
INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_quietly() -> None:
    """Answer Ctrl-C by ending at once, without a traceback: while a command still imports, there is nothing to close.

    Handlers that `listening` sets take its place while there is.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))


@contextmanager
def listening() -> Iterator[None]:
    """In this context each of the signals raises KeyboardInterrupt, so that what is under way is closed in order.

    A terminal that is closed says so twice, itself and by its shell: after the first signal SIGHUP says nothing new.
    """
    asked = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if number == signal.SIGHUP and asked:
            return
        asked = True
        raise KeyboardInterrupt

    before = _set(interrupt, {number: signal.getsignal(number) for number in INTERRUPTING})
    try:
        yield
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a signal that comes in this context take effect at its end; of several the first."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    handlers = {number: signal.getsignal(number) for number in INTERRUPTING}
    before = _set(note, {number: handler for number, handler in handlers.items() if callable(handler)})
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _set(handler: Any, before: dict[signal.Signals, Any]) -> dict[signal.Signals, Any]:
    """Set a handler for those of the signals that are not ignored, and return what was there before.

    Python calls handlers in the main thread alone, so elsewhere there is nothing to set.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = {number: known for number, known in before.items() if known not in (signal.SIG_IGN, None)}
    for number in heard:
        signal.signal(number, handler)
    return heard
