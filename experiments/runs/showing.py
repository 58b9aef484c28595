"""What a tracking store is told of a run: its parameters, tags and files, at its beginning and at each kind of end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from experiments.config.leaves import leaves
from experiments.config.schema import Config
from experiments.recorders.book import Status
from experiments.recorders.history import Row, best
from experiments.recorders.tracked_run import TrackedRun
from experiments.recorders.uri import public
from experiments.runs.folder import RunFolder
from experiments.runs.identity import code_digest
from experiments.runs.source import source_tags

_RESULTS = ("outcome", "weights.sha256", "data.sha256", "model.parameters", "model.multiply_adds")


class Showing:
    """A run as it is shown.

    Args:
        config: of the run.
        folder: of the run.
        tracked: where it is shown.
        tags: its own, besides those that every run has.
    """

    def __init__(self, config: Config, folder: RunFolder, tracked: TrackedRun, tags: Mapping[str, str]) -> None:
        self._config, self._folder, self._tracked, self._own_tags = config, folder, tracked, tags

    def config(self) -> dict[str, Any]:
        """The configuration as it may be shown: what opens the tracking server stays out of it."""
        tracking = replace(self._config.tracking, uri=public(self._config.tracking.uri))
        return asdict(replace(self._config, tracking=tracking))

    def begin(self, rows: Sequence[Row]) -> None:
        """Show the run, with the rows it already has."""
        tags = {"identity": self._folder.identity, "code.sha256": code_digest(), **source_tags(), **self._own_tags}
        files = [self._folder.config, self._folder.environment, self._folder.source, self._folder.patch]
        self._tracked.begin(tags, leaves(self.config()), rows, files)

    def tag(self, tags: Mapping[str, object]) -> None:
        """Show what was learned of the run."""
        self._tracked.tag({key: str(value) for key, value in tags.items()})

    def stop(self, status: Status, outcome: str, rows: Sequence[Row]) -> None:
        """Show that it ended before its time, with all the rows of its history: an end has no regard for what of them
        was told, nor for whether the run had begun to be shown.
        """
        if self._tracked.is_begun:
            self._tracked.show_rows(rows)
        else:
            self.begin(rows)
        files = [self._folder.environment, self._folder.failure, self._folder.history, self._folder.log]
        self._tracked.end(status, {"outcome": outcome}, {}, files)

    def finish(self, rows: Sequence[Row], result: Mapping[str, Any]) -> None:
        """Show what came of it."""
        folder = self._folder
        described = [folder.config, folder.environment, folder.source, folder.patch, folder.network, folder.history]
        files = [*described, folder.learning_curve, folder.augmentation, folder.log]
        tags = {key: str(result[key]) for key in _RESULTS}
        self._tracked.end("FINISHED", tags, best(rows) if rows else {}, files)

    def show_again(self, rows: Sequence[Row], result: Mapping[str, Any]) -> None:
        """Show a finished run in a store that does not show all of it yet."""
        if not self._tracked.complete and not self._tracked.go_on(rows):
            self.begin(rows)
            self.finish(rows, result)
