"""What is on the disk, in the store and on the terminal when all is over, read without the program's own readers."""

import hashlib
import json
import re
import sqlite3
import zipfile
import zlib
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ARTIFACTS = {"config.yaml", "environment.json", "summary.txt", "history.jsonl", "learning_curve.png", "train.log"}
_AT_THE_END = ("best/test_accuracy", "best/epoch")

_USUAL = re.compile(
    r"  |epoch |\[ *\d+/|sweep [0-9a-f]{12}: |run [0-9a-f]{12}(: | was stopped| is already)|Nothing is lost: "
)

Metrics = dict[tuple[str, int], float]


@dataclass(frozen=True)
class Result:
    """What a run comes to however it got there; `time/…` is left out, which no two runs share."""

    weights: str
    weights_by_epoch: tuple[str, ...]
    metrics: Metrics
    printed: str


@dataclass(frozen=True)
class StoredRun:
    """What a store's database has of one MLflow run."""

    run_id: str
    status: str
    tags: dict[str, str]
    values: Counter[tuple[str, int]]  # how often each metric has a value at each step
    metrics: Metrics


def result(folder: Path, printed: str = "") -> Result:
    """What the run in this folder came to, and what its command printed."""
    rows = _rows(folder)
    last = max(epoch for _, epoch in rows)
    marker = json.loads((folder / "finished.json").read_text())
    metrics = rows | {(key, last): marker["final"][key] for key in _AT_THE_END}
    digest = _digest(folder)
    assert digest is not None
    return Result(digest, _digests(folder), metrics, printed.partition("\n")[0])


def run_folder(outputs: Path) -> Path:
    """The folder of the only run."""
    (folder,) = (outputs / "runs").iterdir()
    return folder


def epochs_recorded(outputs: Path) -> int:
    """How many epochs the only run has recorded; 0 before it has a folder."""
    return sum(path.read_bytes().count(b"\n") for path in (outputs / "runs").glob("*/history.jsonl"))


def stored_runs(database: Path, identity: str, experiment: str) -> list[StoredRun]:
    """The runs of an identity in an experiment but for those that were deleted."""
    with closing(sqlite3.connect(database)) as store:
        ids = store.execute(
            "SELECT run_uuid, status FROM runs JOIN tags USING (run_uuid) JOIN experiments USING (experiment_id)"
            " WHERE key = 'identity' AND tags.value = ? AND experiments.name = ? AND runs.lifecycle_stage = 'active'"
            " ORDER BY start_time",
            [identity, experiment],
        ).fetchall()
        return [_stored_run(store, run_id, status) for run_id, status in ids]


def lost(outputs: Path, expected: Result) -> list[str]:
    """What is wrong with the only run in this folder, and with what the store there shows of it."""
    folder = run_folder(outputs)
    wrong = lost_in_folder(folder, expected)
    wrong += lost_in_store(outputs / "mlflow.db", outputs / "artifacts", folder, expected)
    return wrong + left_open(outputs / "mlflow.db") + left_behind(outputs)


def lost_in_folder(folder: Path, expected: Result) -> list[str]:
    """What is wrong with a run's folder."""
    marker = _read(folder / "finished.json")
    digest = _digest(folder)
    wrong = {
        "finished.json has other weights": marker.get("weights.sha256") != expected.weights,
        "finished.json says another outcome": marker.get("outcome") != "completed",
        "weights.npz is damaged": digest is None,
        "weights.npz has other weights": digest not in (None, expected.weights),
        "history.jsonl has other weights": _digests(folder) != expected.weights_by_epoch,
        "history.jsonl has other metrics": _rows(folder) != _every_epoch(expected.metrics),
    }
    return [what for what, is_so in wrong.items() if is_so]


def lost_in_store(
    database: Path,
    artifacts: Path,
    folder: Path,
    expected: Result,
    *,
    experiment: str = "cnn",
    again: bool = False,
) -> list[str]:
    """What is wrong with what a store shows of a run.

    Args:
        database: of the store.
        artifacts: below which folder it keeps files.
        folder: of the run.
        expected: what it should have come to.
        experiment: name.
        again: whether an earlier attempt may be shown beside it, as after `force=true`.
    """
    found = stored_runs(database, folder.name, experiment)
    finished = [run for run in found if run.status == "FINISHED"]
    wrong = [f"{run.run_id} is {run.status}" for run in found if run.status not in ("FINISHED", "KILLED")]
    wrong += [f"{run.run_id} has {pair} {number} times" for run in found for pair, number in _repeated(run)]
    keys = Counter(run.tags.get("run.key") for run in found)
    wrong += [f"{number} runs have the key {key}" for key, number in keys.items() if number > 1]
    if not finished or (len(found) > 1 and not again):
        return [*wrong, f"there are {len(found)} runs of {folder.name}, {len(finished)} finished"]
    for run in finished:
        wrong += _lost_of_finished(run, artifacts, expected)
    histories = [path.read_bytes() for run in finished if (path := _files(run, artifacts).get("history.jsonl"))]
    if histories and (folder / "history.jsonl").read_bytes() not in histories:
        wrong.append("the store's history is another")
    return wrong


def unusual(said: str) -> list[str]:
    """The lines of a command that it would not say if all went well."""
    return [line for line in said.splitlines() if not _USUAL.match(line)]


def left_open(database: Path, experiment: str = "cnn") -> list[str]:
    """The runs of an experiment that a store still shows as RUNNING."""
    with closing(sqlite3.connect(database)) as store:
        ids = store.execute(
            "SELECT run_uuid FROM runs JOIN experiments USING (experiment_id)"
            " WHERE status = 'RUNNING' AND experiments.name = ?",
            [experiment],
        ).fetchall()
    return [f"{run_id} is RUNNING" for (run_id,) in ids]


def left_behind(outputs: Path) -> list[str]:
    """Files that were to take another's place and never did, and marks of folders that are not shown completely."""
    return left_drafts(outputs) + left_marks(outputs)


def left_drafts(outputs: Path) -> list[str]:
    """Files that were to take another's place and never did."""
    return [f"{path.relative_to(outputs)} is left" for path in sorted(outputs.rglob("*.draft"))]


def left_marks(outputs: Path) -> list[str]:
    """Folders that are still to be shown somewhere; of one without targets nobody knows where."""
    marks = [path.name for path in sorted((outputs / "outbox").glob("*"))]
    return [
        f"outbox/{name} is left" for name in marks if (outputs / name.replace(".", "/", 1) / "targets.json").exists()
    ]


def _lost_of_finished(run: StoredRun, artifacts: Path, expected: Result) -> list[str]:
    shown = {(key, step): value for (key, step), value in run.metrics.items() if not key.startswith("time/")}
    metrics = sorted(expected.metrics.keys() - shown.keys())
    files = sorted(ARTIFACTS - _files(run, artifacts).keys())
    wrong = {
        f"the store misses {len(metrics)} metrics: {metrics[:4]}": bool(metrics),
        "the store has other metrics": not metrics and shown != expected.metrics,
        "the store has other weights": run.tags.get("weights.sha256") != expected.weights,
        "the store says another outcome": run.tags.get("outcome") != "completed",
        f"the store misses files: {files}": bool(files),
    }
    return [what for what, is_so in wrong.items() if is_so]


def _files(run: StoredRun, artifacts: Path) -> dict[str, Path]:
    return {path.name: path for path in artifacts.glob(f"**/{run.run_id}/artifacts/*")}


def _stored_run(store: sqlite3.Connection, run_id: str, status: str) -> StoredRun:
    tags = dict(store.execute("SELECT key, value FROM tags WHERE run_uuid = ?", [run_id]).fetchall())
    rows = store.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", [run_id]).fetchall()
    values = Counter((key, step) for key, step, _ in rows)
    return StoredRun(run_id, status, tags, values, {(key, step): value for key, step, value in rows})


def _repeated(run: StoredRun) -> list[tuple[tuple[str, int], int]]:
    return [(pair, number) for pair, number in run.values.items() if number > 1]


def _rows(folder: Path) -> Metrics:
    rows = _lines(folder)
    if [row.get("epoch") for row in rows] != list(range(1, len(rows) + 1)):
        return {}
    return _every_epoch({(key, row["epoch"]): value for row in rows for key, value in row["metrics"].items()})


def _lines(folder: Path) -> list[dict[str, Any]]:
    """The rows of the history; none if it is damaged."""
    try:
        return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    except ValueError:
        return []


def _every_epoch(metrics: Metrics) -> Metrics:
    """Without times, and without what is known only at the end."""
    left_out = ("time/", "best/")
    return {(key, step): value for (key, step), value in metrics.items() if not key.startswith(left_out)}


def _digests(folder: Path) -> tuple[str, ...]:
    return tuple(str(row.get("weights_sha256")) for row in _lines(folder))


def _digest(folder: Path) -> str | None:
    """SHA-256 over the final weights: each one's name, dtype, shape and bytes; None if it is damaged."""
    digest = hashlib.sha256()
    try:
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            for name in arrays.files:
                value = arrays[name]
                digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
                digest.update(value.tobytes())
    except (ValueError, OSError, zipfile.BadZipFile, zlib.error):
        return None
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
