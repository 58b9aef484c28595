"""A failure in one line."""

import re

_LONGEST = 300


def first_line(traceback: str) -> str:
    """The first line of what was raised last, without the path of its class.

    >>> first_line('Traceback (most recent call last):\\n  File "x.py", line 1\\na.b.DataError: no file\\nmore')
    'DataError: no file'
    """
    *_, last = traceback.rpartition("Traceback (most recent call last):\n")
    raised = [line for line in last.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    if not raised:
        return "failed"
    return re.sub(r"^(?:\w+\.)+(?=\w+(?::|$))", "", raised[0])[:_LONGEST]
