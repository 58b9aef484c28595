"""Sweeps that are stopped in the middle, runs that fail, workers that are killed; and the same command again."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.runs.execute import execute
from tests.end_to_end.conftest import PATIENCE, begin, finish
from tests.end_to_end.sweeps import (
    RATES,
    WITHOUT_RATE,
    begun,
    children,
    holder,
    statuses,
    tracked_runs,
    wait_for,
    weights,
    words,
    workers,
)
from tests.runner.composed import composed_config
from tests.runner.stores import make_store

pytestmark = pytest.mark.long

Process = subprocess.Popen[str]
SERIAL, JOBLIB = "launcher=serial", "launcher=joblib"
NAMES = [f"lr={rate}" for rate in RATES]


@pytest.fixture
def outputs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make_store(tmp_path / "outputs", tmp_path_factory)
    return tmp_path / "outputs"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The weights of every run, trained in this process one after the other and never stopped."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    digests = {}
    for rate in RATES:
        folder = execute(composed_config(*words(outputs, rates=(rate,))[2:])).folder
        summary = folder.summary()
        assert summary is not None
        digests[folder.identity] = summary["weights.sha256"]
    return digests


def to_parent(process: Process) -> None:
    process.send_signal(signal.SIGTERM)


def as_on_a_terminal(process: Process) -> None:
    """Ctrl-C reaches every process of the group."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("stop", "launcher"),
    [
        (to_parent, JOBLIB),
        (to_parent, SERIAL),
        (as_on_a_terminal, JOBLIB),
        (as_on_a_terminal, SERIAL),
    ],
)
def test_stopped_sweep_ends_in_order_and_goes_on_to_the_same_weights(
    stop: Callable[[Process], None], launcher: str, outputs: Path, elsewhere: Path, undisturbed: dict[str, str]
) -> None:
    process = begin(*words(outputs, launcher), cwd=elsewhere)
    at_once = 2 if launcher == JOBLIB else 1
    wait_for(lambda: len(begun(outputs)) > at_once)  # one is finished by then, or nearly
    at_work = [*children(process.pid), *workers(process.pid)]
    stop(process)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "the sweep was interrupted; the same command goes on with it" in err
    assert "Traceback" not in err
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in at_work))
    parent, runs = statuses(outputs)
    assert parent == "KILLED"
    assert "KILLED" in runs.values()
    assert set(runs.values()) <= {"FINISHED", "KILLED"}
    assert {run.data.tags["outcome"] for run in tracked_runs(outputs)} <= {"completed", "interrupted"}

    again = finish(*words(outputs, launcher), cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert statuses(outputs) == ("FINISHED", dict.fromkeys(NAMES, "FINISHED"))
    assert weights(outputs) == undisturbed
    assert "was finished" in again.stderr or "from epoch" in again.stderr


def test_killed_worker_loses_its_own_run_only(outputs: Path, elsewhere: Path, undisturbed: dict[str, str]) -> None:
    process = begin(*words(outputs, JOBLIB), cwd=elsewhere)
    wait_for(lambda: begun(outputs))
    victim = begun(outputs)[0]
    wait_for(lambda: holder(victim))
    worker = holder(victim)
    assert worker is not None
    assert worker != process.pid
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "lost: its process was killed" in err
    assert "1 of 4 runs have no result; the same command tries them again" in err
    assert weights(outputs) == {key: value for key, value in undisturbed.items() if key != victim.name}
    (run,) = [run for run in tracked_runs(outputs) if run.data.tags.get("identity") == victim.name]
    assert (run.info.status, run.data.tags["outcome"]) == ("KILLED", "interrupted")
    assert statuses(outputs)[0] == "FAILED"

    again = finish(*words(outputs, JOBLIB), cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert statuses(outputs) == ("FINISHED", dict.fromkeys(NAMES, "FINISHED"))
    assert weights(outputs) == undisturbed


TOO_LARGE = "10000000000"  # units of the hidden layer: no machine has the memory


@pytest.mark.parametrize("launcher", [SERIAL, JOBLIB])
def test_failing_run_is_recorded_with_its_traceback_and_the_others_go_on(
    launcher: str, outputs: Path, elsewhere: Path
) -> None:
    fixed = [word for word in WITHOUT_RATE if not word.startswith("model.hidden_size")]
    sizes = f"model.hidden_size=2,3,{TOO_LARGE},4,5,6"
    done = finish("train", "-m", *fixed, "trainer.epochs=2", f"outputs_dir={outputs}", sizes, launcher, cwd=elsewhere)
    assert done.returncode == 1
    assert "1 of 6 runs have no result; the same command tries them again" in done.stderr
    assert "Traceback" not in done.stderr
    parent, runs = statuses(outputs)
    failed = f"hidden_size={TOO_LARGE}"
    assert parent == "FAILED"
    assert runs == {f"hidden_size={size}": "FINISHED" for size in (2, 3, 4, 5, 6)} | {failed: "FAILED"}
    (run,) = [run for run in tracked_runs(outputs) if run.info.run_name == failed]
    assert run.data.tags["outcome"] == "failed"
    folder = outputs / "runs" / run.data.tags["identity"]
    assert "MemoryError" in (folder / "failure.txt").read_text()
    artifacts = {path.name for path in (outputs / "artifacts" / run.info.run_id / "artifacts").iterdir()}
    described = {"config.yaml", "environment.json", "source.json", "history.jsonl"}
    assert artifacts - {"source.patch"} == described | {"failure.txt", "train.log"}  # the patch where code was changed


def test_sweeps_that_overlap_share_their_runs(outputs: Path, elsewhere: Path, undisturbed: dict[str, str]) -> None:
    first = begin(*words(outputs, JOBLIB, rates=RATES[:3]), cwd=elsewhere)
    second = begin(*words(outputs, rates=tuple(reversed(RATES[1:]))), cwd=elsewhere)
    for process in (first, second):
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    assert weights(outputs) == undisturbed
    children = [run for run in tracked_runs(outputs) if "mlflow.parentRunId" in run.data.tags]
    assert sorted(run.info.run_name for run in children) == sorted([*NAMES[:3], *NAMES[1:]])
    assert {run.info.status for run in children} == {"FINISHED"}
    for folder in (outputs / "runs").iterdir():  # trained once, whoever did it
        assert (folder / "train.log").read_text().count(" epoch 1/") == 1
