"""A sweep's folder, `<outputs_dir>/sweeps/<sweep id>/`: every path in it, and which runs the sweep consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import UserError
from experiments.files import read_json, write_json
from experiments.runs.status import STATUS
from experiments.tracking.targets import run_ids

if TYPE_CHECKING:  # it knows Hydra, which processes that read a sweep need not import
    from experiments.sweeps.cell import Cell


@dataclass(frozen=True)
class SweepFolder:
    """The paths of one sweep."""

    outputs_dir: Path
    sweep_id: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.outputs_dir / "sweeps" / self.sweep_id

    @property
    def plan(self) -> Path:
        """The runs, in order: identity, name, overrides."""
        return self.path / "sweep.json"

    @property
    def table(self) -> Path:
        """The comparison as CSV."""
        return self.path / "comparison.csv"

    @property
    def results(self) -> Path:
        """The comparison as JSON."""
        return self.path / "comparison.json"

    @property
    def page(self) -> Path:
        """The comparison as a page to be read."""
        return self.path / "comparison.html"

    @property
    def heat_map(self) -> Path:
        """The accuracy over two settings that vary."""
        return self.path / "heat_map.png"

    @property
    def accuracy(self) -> Path:
        """The accuracy over the one setting that varies."""
        return self.path / "accuracy.png"

    @property
    def learning_curves(self) -> Path:
        """The curves of all runs, laid over each other."""
        return self.path / "learning_curves.png"

    @property
    def parallel_coordinates(self) -> Path:
        """Every run as a line across its settings."""
        return self.path / "parallel_coordinates.png"

    @property
    def halving(self) -> Path:
        """The runs that successive halving gave up: identity, and epochs trained."""
        return self.path / "halving.json"

    @property
    def pictures(self) -> tuple[Path, ...]:
        """All that a comparison may draw."""
        return (self.heat_map, self.accuracy, self.learning_curves, self.parallel_coordinates)

    @property
    def shown(self) -> tuple[Path, ...]:
        """What MLflow gets of it, as far as it is there."""
        return (self.page, self.table, self.results, *self.pictures)

    @property
    def status(self) -> Path:
        """How far the sweep came."""
        return self.path / STATUS

    @property
    def lock(self) -> Path:
        """Held by the process that is at the sweep."""
        return self.path / "lock"

    def given_up(self) -> dict[str, int]:
        """After how many epochs successive halving gave up which identities."""
        return read_json(self.halving) or {}

    def give_up(self, epochs: Mapping[str, int]) -> None:
        """Note after how many epochs which identities were given up."""
        if epochs:
            write_json(self.halving, dict(epochs))
        else:
            self.halving.unlink(missing_ok=True)

    def is_called(self, beginning: str) -> bool:
        """Whether the sweep's id begins so, or the id of an MLflow run that shows it."""
        return any(name.startswith(beginning) for name in (self.sweep_id, *run_ids(self.path)))

    def write_plan(self, cells: "Sequence[Cell]") -> None:
        """Say which runs the sweep consists of, before the first begins."""
        self.path.mkdir(parents=True, exist_ok=True)
        runs = [{"identity": cell.identity, "name": cell.name, "overrides": cell.overrides} for cell in cells]
        write_json(self.plan, {"sweep.id": self.sweep_id, "runs": runs})

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the plan: `identity`, `name` and, by key, the `overrides` that vary.

        Raises:
            UserError: the plan is missing or damaged.
        """
        plan = read_json(self.plan)
        runs = None if plan is None else plan.get("runs")
        if not isinstance(runs, list) or not runs or not all(map(_is_planned_run, runs)):
            raise UserError(f"{self.plan}: is missing or damaged; the sweep's command writes it again")
        return runs

    def varying(self) -> list[str]:
        """The keys whose values vary, in the order of the command line."""
        return list(self.runs()[0]["overrides"])


def _is_planned_run(entry: object) -> bool:
    """Whether an entry of a plan, which may be damaged, is a run."""
    if not isinstance(entry, dict) or not isinstance(entry.get("overrides"), dict):
        return False
    words = (entry.get("identity"), entry.get("name"), *entry["overrides"].values())
    return all(isinstance(word, str) for word in words)


def find_sweep(outputs_dir: Path, beginning: str | None) -> SweepFolder:
    """The sweep whose id, or whose run in MLflow, begins so, or the one begun last.

    Raises:
        UserError: there is none, or more than one.
    """
    ids = [folder.sweep_id for folder in sweeps_called(outputs_dir, beginning or "")]
    if not ids:
        sought = f"sweep beginning with '{beginning}'" if beginning else "sweep"
        raise UserError(f"there is no {sought} in {outputs_dir}; python -m experiments.train -m … makes one")
    if beginning and len(ids) > 1:
        raise UserError(f"several sweeps begin with '{beginning}': {', '.join(ids)}; give more digits")
    return SweepFolder(outputs_dir, ids[-1])


def sweeps_called(outputs_dir: Path, beginning: str) -> list[SweepFolder]:
    """The sweeps whose id, or whose run in MLflow, begins so; the one begun last at the end."""
    plans = sorted((outputs_dir / "sweeps").glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    folders = [SweepFolder(outputs_dir, path.parent.name) for path in plans]
    return [folder for folder in folders if folder.is_called(beginning)]
