"""Sweeps under way in processes of their own, and what is left of them afterwards."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from tests.end_to_end.conftest import PATIENCE, TINY

EPOCHS = 30  # a second of work a run: a signal comes after its first epoch and long before its last
RATES = ("0.01", "0.02", "0.03", "0.04")
WITHOUT_RATE = [word for word in TINY if not word.startswith("optimizer.lr")]


def words(outputs: Path, *more: str, rates: tuple[str, ...] = RATES) -> list[str]:
    """A sweep over learning rates."""
    fixed = [*WITHOUT_RATE, f"trainer.epochs={EPOCHS}", f"outputs_dir={outputs}"]
    return ["train", "-m", *fixed, f"optimizer.lr={','.join(rates)}", *more]


def tracked_runs(outputs: Path) -> list[Run]:
    """All runs in the store."""
    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def statuses(outputs: Path) -> tuple[str, dict[str, str]]:
    """The status of the sweep's own run, and those of its children by name."""
    runs = tracked_runs(outputs)
    (parent,) = [run.info.status for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return parent, {str(run.info.run_name): run.info.status for run in runs if "mlflow.parentRunId" in run.data.tags}


def weights(outputs: Path) -> dict[str, str]:
    """The digest of every finished run's weights, by identity."""
    return {
        run.data.tags["identity"]: run.data.tags["weights.sha256"]
        for run in tracked_runs(outputs)
        if "weights.sha256" in run.data.tags
    }


def children(pid: int) -> list[int]:
    """The processes that a process has started, as far as they are there."""
    return _processes(1, pid)


def family(pid: int) -> list[int]:
    """A process that began a session, and all that were started in it, whoever their parent is by now."""
    return _processes(3, pid)


def workers(pid: int) -> list[int]:
    """The processes that carry out runs for a sweep: forks of a process that has imported all they need."""
    return [worker for server in children(pid) if server in family(pid) for worker in children(server)]


def _processes(field: int, value: int) -> list[int]:
    """The processes that are no zombies and have this value in this field of their `stat`, counted from the state."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[field]) == value and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def holder(folder: Path) -> int | None:
    """The process that has a file of this folder open, such as its log."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(f"{folder}/train.log"):
                return int(link.parts[2])
        except OSError:
            continue
    return None


def begun(outputs: Path) -> list[Path]:
    """The folders of runs that have recorded an epoch."""
    return [path.parent for path in (outputs / "runs").glob("*/history.jsonl") if path.stat().st_size]


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
