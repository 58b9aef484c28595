"""What goes on in a process that carries out runs for a sweep, besides the runs: when and how it ends."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeVar

from experiments.interruption import INTERRUPTING
from experiments.runs.source import Source, work_for

Task = TypeVar("Task")
Result = TypeVar("Result")

FROM_TERMINALS = {signal.SIGINT, signal.SIGHUP}  # to all processes at once, also to those that are not set up yet
PATIENCE = 60.0  # seconds in which a worker that is told to end must have closed its run

_IDLE, _BUSY, _CLOSING = range(3)
_state = _IDLE
_told_to_end = False  # while it was still loading what its task needs


def set_up(command: Sequence[str], source: Source) -> None:
    """Take the signals that interrupt for a wish to end what is under way, and the parent's end too.

    Args:
        command: the parent's command line, which is that of the runs as well.
        source: the parent's code.
    """
    for number in INTERRUPTING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FROM_TERMINALS)  # the parent blocked them for the start
    work_for(command, source)
    threading.Thread(target=_follow, daemon=True).start()


def interruptible(function: Callable[[Task], Result], task: Task) -> Result:
    """Carry out a task; a signal that interrupts raises KeyboardInterrupt in it."""
    global _state  # noqa: PLW0603  # a signal's handler has nothing else to look at
    _state = _BUSY
    try:
        if _told_to_end:
            raise KeyboardInterrupt
        return function(task)
    finally:
        _state = _IDLE


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Interrupt once: on a terminal Ctrl-C comes from there and from the parent, and closing a run takes a moment."""
    global _state, _told_to_end  # noqa: PLW0603  # likewise
    if _state == _BUSY:
        _state = _CLOSING
        raise KeyboardInterrupt
    _told_to_end = True


def _follow() -> None:
    """End when the parent has, however that was."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a worker
    parent.join()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # nobody is left to hear of the result that cannot be sent
    os.kill(os.getpid(), signal.SIGTERM)
    begun = time.monotonic()
    while _state != _IDLE and time.monotonic() - begun < PATIENCE:
        time.sleep(0.05)
    os._exit(1)
