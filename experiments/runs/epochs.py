"""The epochs of a run: those that its history has, and those of them that this attempt has trained or taken up.

Where an attempt begins before the end of the history, it trains epochs again that are written already. They must come
out as they were; then their rows stay, and no store gets a step twice. If one does not, the history goes on anew there.
"""

import logging

from experiments.config.schema import Config
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row, difference
from experiments.tracking.targets import replace_targets, shown_epochs

_log = logging.getLogger(__name__)


class Epochs:
    """The rows of a run.

    Attributes:
        written: all that the history has.
        rows: those up to the epoch that this attempt is at.
    """

    def __init__(self, config: Config, folder: RunFolder) -> None:
        self._history, self._folder = History(folder.history, _needed(config)), folder.path
        self.written: list[Row] = []
        self.rows: list[Row] = []

    def recorded(self) -> list[Row]:
        """What earlier attempts have written."""
        return self._history.rows()

    def take_up(self, most: int) -> None:
        """Read what is written, of so many epochs at the most; what is damaged is forgotten."""
        self.written = self._history.keep(most)
        if shown_epochs(self._folder) > len(self.written):  # MLflow withdraws no value
            replace_targets(self._folder)

    def begin_after(self, epochs: int) -> None:
        """Go on after an epoch that is written."""
        self.rows = self.written[:epochs]

    def add(self, row: Row) -> None:
        """Record the next epoch and show it, unless it is written already and came out the same."""
        written = self.written[len(self.rows)] if len(self.rows) < len(self.written) else None
        if written is not None:
            other = difference(written, row)
            if other is None:
                self.rows.append(written)
                return
            self._forget_rest(f"epoch {row.epoch} came out differently: {other}")
        self._history.append(row)
        self.written.append(row)
        self.rows.append(row)

    def end(self, outcome: str) -> None:
        """Say that no epoch follows."""
        ended, before = len(self.rows), len(self.written)
        if ended < before:
            self._forget_rest(f"{outcome} after epoch {ended}, but it went on to {before}")

    def _forget_rest(self, why: str) -> None:
        """Cut the history here, and show what follows as another run: no step of one may come twice."""
        said = "%s\nWas the run computed with something else before? From there on its history is written anew."
        _log.warning(said, why)
        self.written = self._history.keep(len(self.rows))  # first: what is cut must not be shown as the new run's
        replace_targets(self._folder)


def _needed(config: Config) -> frozenset[str]:
    """The metrics that decide what becomes of a run, so that a row without them is damaged."""
    return frozenset({"test/accuracy", *(("val/accuracy", "val/loss") if config.data.validation_fraction else ())})
