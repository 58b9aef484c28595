"""Sweeps made by hand: folders as runs leave them, without any training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from experiments.runs.folder import RunFolder
from experiments.runs.history import Row
from experiments.sweeps.folder import SweepFolder
from tests.runner.markers import marker
from tests.runner.shown import show


class Made(NamedTuple):
    """A run: what sets it apart, its accuracy epoch by epoch, and what became of it."""

    overrides: dict[str, str]
    accuracies: Sequence[float] = ()
    outcome: str = "completed"
    validation: Sequence[float] | None = None
    losses: Sequence[float] | None = None
    environment: dict[str, Any] | None = None
    failure: str = "Traceback (most recent call last):\n  File\na.b.SomeError: it broke\n"


def identity(number: int) -> str:
    return f"{number:012x}"


def made_sweep(outputs: Path, runs: Sequence[Made], sweep_id: str = "5eeb") -> SweepFolder:
    """A sweep of these runs, with identities 0, 1, … in this order."""
    folder = SweepFolder(outputs, sweep_id)
    folder.path.mkdir(parents=True)
    plan, given_up = [], {}
    for number, run in enumerate(runs):
        name = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in run.overrides.items()) or "single"
        plan.append({"identity": identity(number), "name": name, "overrides": run.overrides})
        _leave(RunFolder(outputs, identity(number)), run)
        if run.outcome == "stopped":
            given_up[identity(number)] = len(run.accuracies)
    _write(folder.plan, {"sweep.id": sweep_id, "runs": plan})
    if given_up:
        _write(folder.halving, given_up)
    return folder


def track(folder: SweepFolder, uri: str = "sqlite:////somewhere/mlflow.db", experiment_id: str = "7") -> list[str]:
    """Note that MLflow shows the sweep and its runs; return the ids of the runs, in the sweep's order."""
    show(folder.path, "f" * 32, uri, experiment_id=experiment_id)
    ids = []
    for number, run in enumerate(folder.runs()):
        ids.append(f"{number:032x}")
        show(RunFolder(folder.outputs_dir, run["identity"]).path, ids[-1], uri, folder.sweep_id, experiment_id)
    return ids


def grid(values: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """All combinations, the last key fastest."""
    combinations: list[dict[str, str]] = [{}]
    for key, own in values.items():
        combinations = [{**combination, key: value} for combination in combinations for value in own]
    return combinations


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # without waiting for the disk, for hundreds of runs


def _leave(folder: RunFolder, run: Made) -> None:
    folder.path.mkdir(parents=True)
    rows = [
        Row(epoch, _metrics(run, epoch - 1), timestamp_ms=0, weights_sha256="")
        for epoch in range(1, len(run.accuracies) + 1)
    ]
    if rows:
        folder.history.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    if run.outcome in ("completed", "diverged"):
        final: dict[str, float] = {}
        if rows:
            best = max(rows, key=lambda row: row.metrics["test/accuracy"])
            final = {"best/test_accuracy": best.metrics["test/accuracy"], "best/epoch": best.epoch, **rows[-1].metrics}
        _write(folder.finished, {**marker(run.outcome), "final": final})
    if run.environment is not None:
        _write(folder.environment, run.environment)
    if run.outcome == "failed":
        folder.failure.write_text(run.failure, encoding="utf-8")


def _metrics(run: Made, position: int) -> dict[str, Any]:
    accuracy = run.accuracies[position]
    metrics = {
        "train/loss": run.losses[position] if run.losses else 1 - accuracy,
        "train/accuracy": accuracy,
        "test/accuracy": accuracy,
        "time/epoch_s": 0.5,
    }
    return metrics if run.validation is None else {**metrics, "val/accuracy": run.validation[position]}
