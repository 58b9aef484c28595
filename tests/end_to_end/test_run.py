"""One run, from the command line to what MLflow shows of it; nothing is a double."""

import hashlib
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.config.leaves import leaves
from tests.end_to_end.conftest import TINY, Begin, Command
from tests.runner.composed import composed_config

Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def begun(begin_command: Begin) -> Command:
    return begin_command("train", *TINY, "trainer.epochs=2")


@pytest.fixture(scope="module")
def outputs(begun: Command) -> Path:
    return begun.outputs


@pytest.fixture(scope="module")
def command(begun: Command) -> Finished:
    return begun.finish()


@pytest.fixture(scope="module")
def folder(command: Finished, outputs: Path) -> Path:
    assert command.returncode == 0, command.stderr
    (path,) = (outputs / "runs").iterdir()
    return path


@pytest.fixture(scope="module")
def client(outputs: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{outputs}/mlflow.db")


@pytest.fixture(scope="module")
def run(command: Finished, client: MlflowClient) -> Run:
    assert command.returncode == 0, command.stderr
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    return found


def test_command_says_where_everything_is(command: Finished, folder: Path, run: Run, outputs: Path) -> None:
    first, second, third = command.stdout.splitlines()
    assert first.startswith("test accuracy ")
    assert second == f"run   {folder} (MLflow run {run.info.run_id})"
    assert third == f"open  python -m experiments.ui --outputs-dir {outputs}"


def test_nothing_is_said_but_what_belongs_there(command: Finished, folder: Path) -> None:
    opening, *lines = command.stderr.splitlines()
    assert opening.startswith(f"run {folder.name}: synthetic, ")
    table = [f"  {line}" for line in (folder / "summary.txt").read_text().splitlines()]
    assert lines[: len(table)] == table
    assert [line[:9] for line in lines[len(table) :]] == ["epoch 1/2", "epoch 2/2"]


def test_nothing_is_written_to_the_current_folder(command: Finished, begun: Command) -> None:
    assert command.returncode == 0
    assert list(begun.elsewhere.iterdir()) == []


def test_run_is_finished(run: Run) -> None:
    assert run.info.status == "FINISHED"
    assert run.info.end_time is not None


def test_params_are_every_leaf_of_the_configuration(run: Run, outputs: Path) -> None:
    config = composed_config(*TINY, "trainer.epochs=2", f"outputs_dir={outputs}")
    assert run.data.params == {key: str(value) for key, value in leaves(asdict(config)).items()}


@pytest.mark.parametrize(
    "key", ["train/loss", "train/accuracy", "test/loss", "test/accuracy", "time/epoch_s", "time/images_per_s"]
)
def test_metric_has_a_step_an_epoch_from_one(key: str, run: Run, client: MlflowClient, folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    shown = client.get_metric_history(run.info.run_id, key)
    expected = [(row["epoch"], row["timestamp_ms"], row["metrics"][key]) for row in rows]
    assert [(metric.step, metric.timestamp, metric.value) for metric in shown] == expected
    assert [step for step, _, _ in expected] == [1, 2]


def test_best_epoch_is_shown_at_the_end(run: Run, folder: Path) -> None:
    rows = [
        json.loads(line)["metrics"]["test/accuracy"] for line in (folder / "history.jsonl").read_text().splitlines()
    ]
    assert run.data.metrics["best/test_accuracy"] == max(rows)
    assert run.data.metrics["best/epoch"] == rows.index(max(rows)) + 1


def test_tags_are_the_promised_ones(run: Run, folder: Path) -> None:
    tags = run.data.tags
    assert tags["identity"] == folder.name
    assert tags["outcome"] == "completed"
    # of 6×6 pixels: a convolution 1→2, then 72 features to 8 to 3
    assert tags["model.parameters"] == str((2 * 9 + 2) + (72 * 8 + 8) + (8 * 3 + 3))
    assert tags["model.multiply_adds"] == str(2 * 9 * 36 + 72 * 8 + 8 * 3)
    assert {len(bytes.fromhex(tags[f"{name}.sha256"])) for name in ("weights", "data", "code")} == {32}
    source = json.loads((folder / "source.json").read_text())
    assert tags.get("mlflow.source.git.commit") == source["commit"]
    assert tags.get("git.dirty") == {None: None, True: "true", False: "false"}[source["dirty"]]
    assert tags["mlflow.runName"] == "synthetic lr=0.1 batch_size=10"


def test_command_line_is_recorded(folder: Path, outputs: Path) -> None:
    command = json.loads((folder / "source.json").read_text())["command"]
    assert command == ["python", "-m", "experiments.train", *TINY, "trainer.epochs=2", f"outputs_dir={outputs}"]


def test_weights_tag_is_the_digest_of_the_final_weights(run: Run, folder: Path) -> None:
    names = ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    digest = hashlib.sha256()
    with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
        for name in names:
            value = arrays[name]
            digest.update(f"{name} <f4 {value.shape}\n".encode() + value.tobytes())
    assert run.data.tags["weights.sha256"] == digest.hexdigest()


def test_artifacts_are_the_runs_files(run: Run, client: MlflowClient, folder: Path, tmp_path: Path) -> None:
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names >= {
        "config.yaml",
        "environment.json",
        "source.json",
        "summary.txt",
        "history.jsonl",
        "learning_curve.png",
        "train.log",
    }
    copy = Path(client.download_artifacts(run.info.run_id, "config.yaml", str(tmp_path)))
    assert copy.read_text() == (folder / "config.yaml").read_text()
