"""Which MLflow runs show a sweep, and the page that compares them."""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.comparison.comparison import Comparison
from experiments.recorders.book import book_key, entries, place_of
from experiments.recorders.links import children_page, compare_page, server_address
from experiments.runs.folder import RunFolder


@dataclass(frozen=True)
class TrackedSweep:
    """A sweep in a store: the run that is its own, and those of its runs, the best first."""

    uri: str
    experiment_id: str
    parent: str
    children: Sequence[str]

    @property
    def page(self) -> str:
        """MLflow's comparison of exactly these runs, without the server's address."""
        return compare_page(self.experiment_id, self.children)

    @property
    def list_page(self) -> str:
        """MLflow's list of these runs, without the server's address."""
        return children_page(self.experiment_id, self.parent)

    @property
    def link(self) -> str:
        """The comparison with the address: of the tracking server, else of the one that our `ui` command starts."""
        return f"{server_address(self.uri)}/{self.page}"


def tracked_sweep(comparison: Comparison) -> TrackedSweep | None:
    """Read in the folders where the sweep was shown last; None if nowhere."""
    for place, entry in reversed(entries(comparison.folder.tracked).items()):
        uri, experiment, _ = place_of(place) or ("", "", "")
        key = book_key(uri, experiment, comparison.folder.sweep_id)
        folders = [RunFolder(comparison.folder.outputs_dir, run.identity) for run in comparison.runs]
        children = [entries(folder.tracked).get(key) for folder in folders]
        known = [child.run_id for child in children if child is not None and child.run_id]
        if known and entry.run_id and entry.experiment_id:
            return TrackedSweep(uri, entry.experiment_id, entry.run_id, known)
    return None
