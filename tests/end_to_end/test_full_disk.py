"""A disk that is full, at whichever moment: a line that says so, nothing torn, and the same bits once there is room."""

import json
import re
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.runs.execute import execute
from tests.end_to_end.conftest import TINY, finish
from tests.end_to_end.disks import mounted
from tests.end_to_end.sweeps import tracked_runs
from tests.runner.composed import composed_config
from tests.runner.stores import make_store

EPOCHS = 4
WORDS = [*TINY, "augmentation=articles", "augmentation.crop=0.8", "augmentation.cutout=2", f"trainer.epochs={EPOCHS}"]
ROOM = "size=64m"
# What does not fit: the lock and the first files; the log, the network, the pictures; the checkpoint; from 200 on
# MLflow's tables alone.
QUICK = [20]
LONG = [4, 12, 40, 60, 200, 800]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights of the run where there is room."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    make_store(outputs, tmp_path_factory)
    folder = execute(composed_config(*WORDS, f"outputs_dir={outputs}")).folder
    summary = folder.summary()
    assert summary is not None
    return str(summary["weights.sha256"])


@pytest.mark.parametrize("kilobytes", [*QUICK, *(pytest.param(size, marks=pytest.mark.long) for size in LONG)])
def test_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    kilobytes: int, tmp_path: Path, elsewhere: Path, undisturbed: str
) -> None:
    with mounted(tmp_path / "disk", f"size={kilobytes}k") as disk:
        outputs = disk.path / "outputs"
        full = finish("train", *WORDS, f"outputs_dir={outputs}", cwd=elsewhere)
        assert "Traceback" not in full.stderr
        assert "Error ---" not in full.stderr
        assert full.returncode in (0, 1)
        if full.returncode:  # else only the store is incomplete
            assert re.fullmatch(
                rf"{outputs}\S*: No space left on device; when there is room, the same command goes on",
                full.stderr.splitlines()[-1],
            )
        else:
            assert "Nothing is lost" in full.stderr
        assert not list(disk.path.rglob("*.draft"))
        for path in disk.path.rglob("*.json"):
            json.loads(path.read_text())

        disk.remount(ROOM)
        again = finish("train", *WORDS, f"outputs_dir={outputs}", cwd=elsewhere)
        assert again.returncode == 0, again.stderr
        (run,) = tracked_runs(outputs)
        assert (run.info.status, run.data.tags["weights.sha256"]) == ("FINISHED", undisturbed)
        history = MlflowClient(f"sqlite:///{outputs}/mlflow.db").get_metric_history(run.info.run_id, "train/loss")
        assert [metric.step for metric in history] == list(range(1, EPOCHS + 1))


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["launcher=serial", "launcher=joblib"])
@pytest.mark.parametrize("kilobytes", [16, 100])
def test_sweep_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    kilobytes: int, launcher: str, tmp_path: Path, elsewhere: Path
) -> None:
    words = ["train", "-m", *WORDS, "seed=0,1,2", launcher]
    with mounted(tmp_path / "disk", f"size={kilobytes}k") as disk:
        outputs = disk.path / "outputs"
        full = finish(*words, f"outputs_dir={outputs}", cwd=elsewhere)
        assert "Traceback" not in full.stderr
        assert full.returncode == 1
        assert "No space left on device" in full.stderr
        assert not list(disk.path.rglob("*.draft"))

        disk.remount(ROOM)
        again = finish(*words, f"outputs_dir={outputs}", cwd=elsewhere)
        assert again.returncode == 0, again.stderr
        runs = tracked_runs(outputs)
        assert len([run for run in runs if run.info.status == "FINISHED"]) == 4
        assert not [run for run in runs if run.info.status == "RUNNING"]
