"""What MLflow is to show of a run or a sweep: a function of its folder, and of nothing that was told before.

Here an epoch of the history becomes metrics, the configuration params, and the state of the folder a status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from experiments.comparison.comparison import compare
from experiments.comparison.mlflow_description import description
from experiments.config.leaves import leaves
from experiments.digest import json_digest
from experiments.errors import UserError
from experiments.files import read_json
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row, best
from experiments.runs.status import read_status
from experiments.store.store import DESCRIPTION, RERUN_OF, RUN_KEY, SWEEP_SIZE, Value
from experiments.sweeps.folder import SweepFolder
from experiments.tracking.outbox import is_sweep
from experiments.tracking.targets import TARGETS, Target, targets
from experiments.untrusted import yaml_file

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

_ENDINGS: dict[str, RunStatus] = {"completed": "FINISHED", "failed": "FAILED"}  # all others were stopped
_SOURCE = {"mlflow.source.name": "experiments.train", "mlflow.source.type": "LOCAL"}
_FACTS = ("data.sha256", "model.parameters", "model.multiply_adds")  # known before the end
_RESULTS = ("outcome", "weights.sha256", *_FACTS)


@dataclass(frozen=True)
class RunView:
    """One MLflow run as it is to be, its params aside.

    Args:
        status: of the run; it was `started_ms` and `ended_ms`, in ms since 1970.
        tags: by name.
        rows: of the history: their metrics, step = epoch, with their own timestamps.
        final: metrics that are known at the end, shown beside the last row.
        died: whether it ended without saying so, because its process is gone.
    """

    status: RunStatus
    started_ms: int
    ended_ms: int | None
    tags: Mapping[str, str]
    rows: Sequence[Row] = ()
    final: Mapping[str, float] = field(default_factory=dict)
    died: bool = False

    def metrics(self, first: int) -> list[Value]:
        """What the rows from a position on measured, and the final metrics."""
        final = [replace(self.rows[-1], metrics=dict(self.final))] if self.rows and self.final else []
        rows = [*self.rows[first:], *final]
        return [(key, value, row.timestamp_ms, row.epoch) for row in rows for key, value in row.metrics.items()]

    @property
    def state(self) -> str:
        """Its status, and a digest of all that it shows."""
        epochs = [row.weights_sha256 for row in self.rows]
        return f"{self.status} {json_digest({'tags': dict(self.tags), 'epochs': epochs, 'end': self.ended_ms})}"


def run_view(folder: Path, target: Target, *, held: bool) -> RunView:
    """The desired state of a target.

    Args:
        folder: of the run or sweep.
        target: where it is to be shown.
        held: whether a process runs it; asked before, so that what is read here can only be newer.

    Raises:
        RefusedError: the history is no file that can be read.
    """
    if not target.current:  # another has its place: of this one all that matters is that it is over
        return RunView("KILLED", 0, None, {"outcome": "interrupted"})
    if is_sweep(folder):
        return _sweep_view(SweepFolder(folder.parent.parent, folder.name), target, held=held)
    return _run_view(RunFolder.at(folder), target, held=held)


def _run_view(folder: RunFolder, target: Target, *, held: bool) -> RunView:
    completion, status = folder.summary(), read_status(folder.path)
    rows = History(folder.history).rows()
    view = _view(folder.path, rows, held=held and completion is None)
    facts = status.facts if status is not None else {}
    tags = {**view.tags, **_tags(folder, target), **{key: facts[key] for key in _FACTS if key in facts}}
    if completion is None:
        return replace(view, tags=tags)
    tags |= {key: str(completion[key]) for key in _RESULTS}
    return replace(view, status="FINISHED", tags=tags, final=best(rows) if rows else {}, died=False)


def _sweep_view(folder: SweepFolder, target: Target, *, held: bool) -> RunView:
    view = _view(folder.path, [], held=held)
    plan = (read_json(folder.plan) or {}).get("runs")
    size = len(plan) if isinstance(plan, list) else 0
    tags = {"sweep.id": folder.sweep_id, SWEEP_SIZE: str(size), RUN_KEY: target.key, **_SOURCE}
    return replace(view, tags={**view.tags, **tags, **({} if held else _description(folder))})


def _view(folder: Path, rows: Sequence[Row], *, held: bool) -> RunView:
    """Status, outcome and times of what has no completion.

    A run that was killed went on for as long as its last epoch tells; one that was killed at its very beginning began
    when it wrote its targets.
    """
    status = read_status(folder)
    first_ms = rows[0].timestamp_ms if rows else (folder / TARGETS).stat().st_mtime_ns // 1_000_000
    started_ms = status.started_ms if status is not None else first_ms
    if held:
        return RunView("RUNNING", started_ms, None, {}, rows)
    last_ms = rows[-1].timestamp_ms if rows else started_ms
    ended_ms = last_ms if status is None or status.ended_ms is None else status.ended_ms
    said = status.outcome if status is not None else "running"
    outcome = "interrupted" if said in ("running", "paused") else said
    run_status = _ENDINGS.get(outcome, "KILLED")
    ended_ms = max(ended_ms, started_ms)
    return RunView(run_status, started_ms, ended_ms, {"outcome": outcome}, rows, died=said == "running")


def _tags(folder: RunFolder, target: Target) -> dict[str, str]:
    environment, source = read_json(folder.environment) or {}, read_json(folder.source) or {}
    verdict = read_json(folder.verdict) or {}
    dirty = source.get("dirty")
    known: dict[str, Any] = {
        "identity": folder.identity,
        "code.sha256": environment.get("code.sha256"),
        "mlflow.source.git.commit": source.get("commit"),
        "git.dirty": str(dirty).lower() if isinstance(dirty, bool) else None,
        RERUN_OF: verdict.get("of"),
        "rerun.result": verdict.get("result"),
        RUN_KEY: target.key,
        **_SOURCE,
    }
    if target.sweep:
        known |= {"sweep.id": target.sweep, "sweep.overrides": target.overrides}
    return {key: text for key, text in known.items() if isinstance(text, str)}


def _description(folder: SweepFolder) -> dict[str, str]:
    try:
        return {DESCRIPTION: description(compare(folder))}
    except UserError:  # the plan is missing or damaged: there is nothing to say of it
        return {}


def params(folder: Path) -> dict[str, str]:
    """Every leaf of the configuration; of a sweep, and of a run that is just starting, nothing."""
    try:
        return {key: str(value) for key, value in leaves(yaml_file(RunFolder.at(folder).config)).items()}
    except FileNotFoundError:
        return {}


def files(folder: Path) -> list[Path]:
    """What is uploaded of a folder that has ended; a link leads to files that are none of the run's."""
    shown = SweepFolder(folder.parent.parent, folder.name).shown if is_sweep(folder) else RunFolder.at(folder).shown
    return [path for path in shown if path.is_file() and not path.is_symlink()]


def parent_target(folder: Path, child: Target) -> tuple[Path, Target] | None:
    """The folder and the target of the sweep that a target is a child of."""
    sweep, wanted = folder.parent.parent / "sweeps" / child.sweep, (child.uri, child.experiment, "")
    found = [target for target in targets(sweep) if target.current and target.place == wanted] if child.sweep else []
    return (sweep, found[0]) if found else None
