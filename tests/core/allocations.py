"""Which lines of the library allocate, and how much: NumPy reports the memory of its arrays to tracemalloc."""

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import cnn_core

SOURCE = str(Path(cnn_core.__file__).parent)

Trace = Callable[[FrameType, str, Any], Any]


def peak(run: Callable[[], object]) -> int:
    """Bytes by which memory grows at most while this runs."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def allocating_lines(run: Callable[[], object], more_than: int) -> dict[str, int]:
    """The lines of the library that themselves, without the calls in them, take more bytes than this, and how many."""
    found: dict[str, int] = {}
    line, held = "", 0

    def note() -> None:
        _, highest = tracemalloc.get_traced_memory()
        if highest - held > more_than:
            found[line] = max(found.get(line, 0), highest - held)

    def trace(frame: FrameType, event: str, _argument: object) -> Trace | None:
        nonlocal line, held
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        note()
        after = frame.f_back if event == "return" else frame  # what follows a return belongs to the line that called
        line = f"{after.f_code.co_filename}:{after.f_lineno}" if after else ""
        tracemalloc.reset_peak()
        held, _ = tracemalloc.get_traced_memory()
        return trace

    tracemalloc.start()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
        note()
    finally:
        sys.settrace(before)
        tracemalloc.stop()
    return found
