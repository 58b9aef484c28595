"""What MLflow is to show of a run or a sweep: a function of its folder, and of nothing that was told before.

Here an epoch of the history becomes metrics, the configuration params, and the state of the folder a status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from experiments.runs.status import Status, read_status
from experiments.sweeps.folder import SweepFolder
from experiments.tracking.store import DESCRIPTION, RERUN_OF, RUN_KEY, SWEEP_SIZE
from experiments.tracking.targets import Target, targets, written_ms
from experiments.untrusted import RefusedError, yaml_file

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

_ENDINGS: dict[str, RunStatus] = {"completed": "FINISHED", "failed": "FAILED"}  # all others were stopped
_SOURCE = {"mlflow.source.name": "experiments.train", "mlflow.source.type": "LOCAL"}
_FACTS = ("data.sha256", "model.parameters", "model.multiply_adds")  # known before the end
_RESULTS = ("outcome", "weights.sha256", *_FACTS)


@dataclass(frozen=True)
class RunView:
    """One MLflow run as it is to be.

    Args:
        status: of the run; it was `started_ms` and `ended_ms`, in ms since 1970.
        tags: by name.
        params: by name.
        rows: of the history: their metrics, step = epoch, with their own timestamps.
        final: metrics that are known at the end, shown beside the last row.
        parent: the folder of its sweep, if it is a child of one.
        closed_by_us: whether it ended without saying so, because its process is gone.
    """

    status: RunStatus
    started_ms: int
    ended_ms: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    rows: Sequence[Row]
    final: Mapping[str, float]
    parent: Path | None
    closed_by_us: bool = False

    def metrics(self, first: int) -> list[Row]:
        """The rows from a position on, the final metrics as one more."""
        final = [replace(self.rows[-1], metrics=dict(self.final))] if self.rows and self.final else []
        return [*self.rows[first:], *final]

    def digest(self) -> str:
        """Equal only for views that show the same, files aside."""
        weights = [row.weights_sha256 for row in self.rows]
        return json_digest({"status": self.status, "tags": dict(self.tags), "epochs": weights, "end": self.ended_ms})


def run_view(folder: Path, target: Target, *, held: bool) -> RunView:
    """The desired state of a target.

    Args:
        folder: of the run or sweep.
        target: where it is to be shown.
        held: whether a process is at it; asked before, so that what is read here can only be newer.

    Raises:
        RefusedError: the history or the configuration is no file that can be read.
    """
    if folder.parent.name == "sweeps":
        return _sweep_view(SweepFolder(folder.parent.parent, folder.name), target, held=held)
    return _run_view(RunFolder.at(folder), target, held=held)


def _run_view(folder: RunFolder, target: Target, *, held: bool) -> RunView:
    completion, status = folder.summary(), read_status(folder.path)
    rows = History(folder.history).rows()
    facts = status.facts if status is not None else {}
    tags = {**_tags(folder, target), **{key: facts[key] for key in _FACTS if key in facts}}
    final: Mapping[str, float] = {}
    if completion is not None:
        outcome, run_status = completion["outcome"], _ENDINGS["completed"]
        tags |= {key: str(completion[key]) for key in _RESULTS}
        final = best(rows) if rows else {}
    else:
        outcome, run_status = _state(held, status)
    if run_status != "RUNNING":
        tags["outcome"] = outcome
    started_ms = _started_ms(folder.path, status, rows)
    return RunView(
        status=run_status,
        started_ms=started_ms,
        ended_ms=_ended_ms(run_status, status, rows, started_ms),
        tags=tags,
        params=_params(folder),
        rows=rows,
        final=final,
        parent=folder.outputs_dir / "sweeps" / target.sweep if target.sweep else None,
        closed_by_us=run_status == "KILLED" and (status is None or status.outcome == "running"),
    )


def _sweep_view(folder: SweepFolder, target: Target, *, held: bool) -> RunView:
    status = read_status(folder.path)
    outcome, run_status = _state(held, status)
    plan = (read_json(folder.plan) or {}).get("runs")
    size = len(plan) if isinstance(plan, list) else 0
    tags = {"sweep.id": folder.sweep_id, SWEEP_SIZE: str(size), RUN_KEY: target.key, **_SOURCE}
    started_ms = _started_ms(folder.path, status, [])
    if run_status != "RUNNING":
        tags |= {"outcome": outcome, **_description(folder)}
    return RunView(
        status=run_status,
        started_ms=started_ms,
        ended_ms=_ended_ms(run_status, status, [], started_ms),
        tags=tags,
        params={},
        rows=[],
        final={},
        parent=None,
        closed_by_us=run_status == "KILLED" and (status is None or status.outcome == "running"),
    )


def _state(held: bool, status: Status | None) -> tuple[str, RunStatus]:
    """Outcome and status of what has no completion."""
    if held:
        return "running", "RUNNING"
    outcome = status.outcome if status is not None else "interrupted"
    if outcome in ("running", "paused"):
        outcome = "interrupted"
    return outcome, _ENDINGS.get(outcome, "KILLED")


def _started_ms(folder: Path, status: Status | None, rows: Sequence[Row]) -> int:
    """The same whenever it is asked: where a process was killed at its very beginning, when it wrote its targets."""
    if status is not None:
        return status.started_ms
    return rows[0].timestamp_ms if rows else written_ms(folder)


def _ended_ms(run_status: RunStatus, status: Status | None, rows: Sequence[Row], started_ms: int) -> int | None:
    """A run whose process was killed went on for as long as its last epoch tells, not until now."""
    if run_status == "RUNNING":
        return None
    last_ms = rows[-1].timestamp_ms if rows else started_ms
    said_ms = status.ended_ms if status is not None else None
    return max(last_ms if said_ms is None else said_ms, started_ms)


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


def _params(folder: RunFolder) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in leaves(yaml_file(folder.config)).items()}
    except FileNotFoundError:  # it is just starting
        return {}


def _description(folder: SweepFolder) -> dict[str, str]:
    try:
        return {DESCRIPTION: description(compare(folder))}
    except (UserError, RefusedError):  # the plan is missing or damaged: there is nothing to say of it
        return {}


def files(folder: Path) -> list[Path]:
    """What is uploaded of a folder that has ended; a link leads to files that are none of the run's."""
    is_sweep = folder.parent.name == "sweeps"
    shown = SweepFolder(folder.parent.parent, folder.name).shown if is_sweep else RunFolder.at(folder).shown
    return [path for path in shown if path.is_file() and not path.is_symlink()]


def sweep_target(sweep: Path, child: Target) -> Target | None:
    """The target under which a sweep is shown where its child is."""
    wanted = (child.uri, child.experiment, "")
    return next((target for target in targets(sweep) if target.current and target.place == wanted), None)
