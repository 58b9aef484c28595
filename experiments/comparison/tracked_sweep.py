"""Which MLflow runs show a sweep, and the page that compares them."""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.comparison.comparison import Comparison
from experiments.runs.folder import RunFolder
from experiments.store.links import children_page, compare_page, server_address
from experiments.tracking.targets import published, shown_by, targets


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
    folder, shown = comparison.folder, published(comparison.folder.path)
    for target in reversed(targets(folder.path)):
        paths = [RunFolder(folder.outputs_dir, run.identity).path for run in comparison.runs]
        children = [shown_by(path, target.uri, target.experiment, folder.sweep_id) for path in paths]
        known = [child.run_id for child in children if child is not None]
        if known and (parent := shown.get(target.key)):
            return TrackedSweep(target.uri, parent.experiment_id, parent.run_id, known)
    return None
