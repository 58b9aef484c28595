"""A run that is told to end in the middle, and the same command again."""

import json
import re
import signal
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.runs.execute import execute
from experiments.tracking.targets import run_ids
from tests.end_to_end.conftest import PATIENCE, TINY, begin, finish, read_until
from tests.end_to_end.sweeps import wait_for
from tests.runner.composed import composed_config
from tests.runner.stores import make_store

AUGMENTED = ["augmentation=articles", "augmentation.crop=0.8", "augmentation.cutout=2"]
NETWORKS = {
    "simple_cnn": [],
    "cnn_bn": ["model=cnn_bn", "model.channels=[4,6]", "model.blocks=2", "model.dropout=0.3"],
}
EPOCHS = 40  # seconds of work: the signal comes after the first and long before the last


def words(outputs: Path, network: list[str]) -> list[str]:
    tiny = [word for word in TINY if not (network and word.startswith("model."))]
    return [*tiny, *network, *AUGMENTED, f"trainer.epochs={EPOCHS}", f"outputs_dir={outputs}"]


def only_run(outputs: Path) -> Run:
    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    return run


@pytest.mark.parametrize(
    "network",
    [NETWORKS["simple_cnn"], pytest.param(NETWORKS["cnn_bn"], marks=pytest.mark.long)],
    ids=["simple_cnn", "cnn_bn"],
)
def test_stopped_run_is_closed_and_goes_on_to_the_same_weights(
    network: list[str],
    tmp_path: Path,
    elsewhere: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outputs = tmp_path / "outputs"
    make_store(outputs, tmp_path_factory)
    process = begin("train", *words(outputs, network), cwd=elsewhere)
    read_until(process.stderr, f"epoch 1/{EPOCHS}")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out == ""
    assert "interrupted; the same command goes on from the last checkpoint" in err
    assert "Traceback" not in err
    stopped = only_run(outputs)
    assert (stopped.info.status, stopped.data.tags["outcome"]) == ("KILLED", "interrupted")
    (folder,) = (outputs / "runs").iterdir()
    done = len((folder / "history.jsonl").read_text().splitlines())
    assert 1 <= done < EPOCHS

    process = begin("train", *words(outputs, network), cwd=elsewhere)
    undisturbed = execute(composed_config(*words(tmp_path / "undisturbed", network))).folder
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    went_on = re.search(r"going on after epoch (\d+)", err)
    assert went_on is not None
    assert int(went_on[1]) in (done - 1, done)  # an epoch is recorded first, and its checkpoint written then
    finished = only_run(outputs)
    assert finished.info.run_id == stopped.info.run_id
    assert (finished.info.status, finished.data.tags["outcome"]) == ("FINISHED", "completed")
    summary = undisturbed.summary()
    assert summary is not None
    assert finished.data.tags["weights.sha256"] == summary["weights.sha256"]
    history = MlflowClient(f"sqlite:///{outputs}/mlflow.db").get_metric_history(finished.info.run_id, "train/loss")
    losses = [json.loads(line)["metrics"]["train/loss"] for line in undisturbed.history.read_text().splitlines()]
    assert [(metric.step, metric.value) for metric in history] == list(enumerate(losses, start=1))


@pytest.mark.long
def test_killed_run_is_closed_by_its_publisher_and_gone_on_with_by_train(
    tmp_path: Path, elsewhere: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outputs = tmp_path / "outputs"
    make_store(outputs, tmp_path_factory)
    process = begin("train", *words(outputs, []), cwd=elsewhere)
    read_until(process.stderr, f"epoch 1/{EPOCHS}")
    process.send_signal(signal.SIGSTOP)  # it would be at its end before the publisher has begun
    wait_for(lambda: any(run_ids(folder) for folder in outputs.glob("runs/*")))
    process.kill()  # it has no chance to say so
    _, err = process.communicate(timeout=PATIENCE)  # until nobody can write there any more, the publisher included
    assert process.returncode == -signal.SIGKILL
    assert "Traceback" not in err
    closed = only_run(outputs)
    assert (closed.info.status, closed.data.tags["outcome"]) == ("KILLED", "interrupted")
    rows = (outputs / "runs" / closed.data.tags["identity"] / "history.jsonl").read_text().splitlines()
    history = MlflowClient(f"sqlite:///{outputs}/mlflow.db").get_metric_history(closed.info.run_id, "train/loss")
    assert len(history) == len(rows)

    trained = finish("train", *words(outputs, []), cwd=elsewhere)
    assert trained.returncode == 0, trained.stderr
    assert "without closing" not in trained.stderr
    finished = only_run(outputs)
    assert finished.info.run_id == closed.info.run_id
    assert (finished.info.status, finished.data.tags["outcome"]) == ("FINISHED", "completed")
