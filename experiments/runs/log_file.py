"""A run's own log, `train.log`: every line with its time and level, whatever the terminal shows."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from experiments.errors import UserError
from experiments.terminal import stderr


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Write what the project logs in this context to a file as well, behind what is already there.

    Raises:
        UserError: there is something else in its place; behind a link there may be any file.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UserError(f"{path}: no log is written to a link, a pipe or a folder; move away what is in its place")
    logger = logging.getLogger("experiments")
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:  # a worker process has no logging set up
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log that cannot be written, as on a full disk, costs a line on the terminal and no run."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # as the base class calls it
        """Say once what is lost; a fault of the program is shown as the base class shows it."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._has_failed:
            self._has_failed = True
            said = f"{self.baseFilename}: {error.strerror}; lines of the log are lost"
            stderr.print(said, style="yellow", markup=False, highlight=False)

    def close(self) -> None:
        """Close the file, whatever of it reaches the disk."""
        with suppress(OSError):
            super().close()
