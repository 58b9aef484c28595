"""A sweep of two by two on two processes, from the command line to what MLflow shows of it."""

import csv
import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.runs.execute import execute
from tests.end_to_end.conftest import TINY, Begin, Command, finish
from tests.runner.composed import composed_config

Finished = subprocess.CompletedProcess[str]
RATES, SIZES = ("0.1", "0.2"), ("8", "12")
FIXED = [word for word in TINY if not word.startswith(("optimizer.lr", "data.batch_size"))]


@pytest.fixture(scope="module")
def begun(begin_command: Begin) -> Command:
    varying = [f"optimizer.lr={','.join(RATES)}", f"data.batch_size={','.join(SIZES)}"]
    return begin_command("train", "-m", *FIXED, *varying, "trainer.epochs=2", "launcher=joblib")


@pytest.fixture(scope="module")
def outputs(begun: Command) -> Path:
    return begun.outputs


@pytest.fixture(scope="module")
def command(begun: Command) -> Finished:
    return begun.finish()


@pytest.fixture(scope="module")
def client(outputs: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{outputs}/mlflow.db")


@pytest.fixture(scope="module")
def runs(command: Finished, client: MlflowClient) -> list[Run]:
    assert command.returncode == 0, command.stderr
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


@pytest.fixture(scope="module")
def parent(runs: list[Run]) -> Run:
    (found,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return found


@pytest.fixture(scope="module")
def children(runs: list[Run]) -> list[Run]:
    return [run for run in runs if "mlflow.parentRunId" in run.data.tags]


def test_four_finished_children_under_one_finished_parent(parent: Run, children: list[Run]) -> None:
    assert parent.info.status == "FINISHED"
    assert Counter((run.info.status, run.data.tags["mlflow.parentRunId"]) for run in children) == {
        ("FINISHED", parent.info.run_id): 4
    }


def test_children_record_the_command_of_the_sweep(parent: Run, outputs: Path) -> None:
    assert parent.info.status == "FINISHED"
    for folder in (outputs / "runs").iterdir():
        command = json.loads((folder / "source.json").read_text())["command"]
        assert command[:5] == ["python", "-m", "experiments.train", "-m", "data=synthetic"]
        assert command[-1] == f"outputs_dir={outputs}"


def test_children_are_named_by_what_varies(children: list[Run]) -> None:
    expected = {f"lr={rate} batch_size={size}" for rate in RATES for size in SIZES}
    assert {run.info.run_name for run in children} == expected
    assert {run.data.tags["sweep.overrides"] for run in children} == {
        f"optimizer.lr={rate} data.batch_size={size}" for rate in RATES for size in SIZES
    }


def test_every_child_has_every_epoch(children: list[Run], client: MlflowClient) -> None:
    for run in children:
        for key in ("train/loss", "test/accuracy"):
            assert [metric.step for metric in client.get_metric_history(run.info.run_id, key)] == [1, 2]


def test_all_bear_the_sweeps_id(runs: list[Run], outputs: Path) -> None:
    (folder,) = (outputs / "sweeps").iterdir()
    assert {run.data.tags["sweep.id"] for run in runs} == {folder.name}


def test_parent_carries_table_and_heat_map(parent: Run, client: MlflowClient) -> None:
    names = {file.path for file in client.list_artifacts(parent.info.run_id)}
    numbers, pictures = {"comparison.csv", "comparison.json"}, {"heat_map.png", "learning_curves.png"}
    assert names == numbers | pictures | {"comparison.html", "parallel_coordinates.png"}


def test_parent_says_what_to_take_and_links_to_all_its_runs(
    parent: Run, children: list[Run], command: Finished
) -> None:
    assert command.returncode == 0
    best = max(children, key=lambda run: run.data.metrics["test/accuracy"])
    text = parent.data.tags["mlflow.note.content"]
    assert f"{best.data.metrics['test/accuracy']:.2%} test accuracy" in text
    assert text.startswith("## Take lr = ")
    (link,) = re.findall(r"\((#/compare-runs\?\S+)\)", text)
    assert {run.info.run_id for run in children} == set(re.findall("[0-9a-f]{32}", unquote(link)))
    assert f'experiments=["{parent.info.experiment_id}"]' in unquote(link)


def test_table_is_on_stdout_best_run_first(command: Finished, children: list[Run]) -> None:
    lines = command.stdout.splitlines()
    position = {
        run.data.tags["identity"]: index
        for run in children
        for index, line in enumerate(lines)
        if run.data.tags["identity"] in line
    }
    assert len(position) == 4
    by_place = sorted(children, key=lambda run: position[run.data.tags["identity"]])
    accuracies = [run.data.metrics["test/accuracy"] for run in by_place]
    assert accuracies == sorted(accuracies, reverse=True)
    assert f"{accuracies[0]:.2%}" in lines[min(position.values())]


def test_csv_file_has_the_numbers_of_the_runs(children: list[Run], outputs: Path) -> None:
    (path,) = (outputs / "sweeps").glob("*/comparison.csv")
    with path.open(newline="") as file:
        rows = {row["identity"]: float(row["test/accuracy"]) for row in csv.DictReader(file)}
    assert rows == {run.data.tags["identity"]: run.data.metrics["test/accuracy"] for run in children}


def test_nothing_is_written_to_the_current_folder(command: Finished, begun: Command) -> None:
    assert command.returncode == 0
    assert list(begun.elsewhere.iterdir()) == []


def test_processes_give_the_bits_of_one_process(children: list[Run], tmp_path: Path) -> None:
    alone = {}
    for rate in RATES:
        for size in SIZES:
            words = [f"optimizer.lr={rate}", f"data.batch_size={size}", f"outputs_dir={tmp_path}", "trainer.epochs=2"]
            folder = execute(composed_config(*FIXED, *words, "trainer.threads=2")).folder
            alone[folder.identity] = json.loads(folder.finished.read_text())["weights.sha256"]
    assert alone == {run.data.tags["identity"]: run.data.tags["weights.sha256"] for run in children}


def test_compare_shows_the_same_table_again(command: Finished, outputs: Path, elsewhere: Path) -> None:
    again = finish("compare", "--outputs-dir", str(outputs), cwd=elsewhere)
    assert (again.returncode, again.stderr) == (0, "")
    table = [line.rstrip() for line in command.stdout.splitlines() if "%" in line]
    assert [line.rstrip() for line in again.stdout.splitlines() if "%" in line] == table


def test_plan_of_the_sweep_is_recorded(outputs: Path, children: list[Run]) -> None:
    (path,) = (outputs / "sweeps").glob("*/sweep.json")
    planned = {run["identity"] for run in json.loads(path.read_text())["runs"]}
    assert planned == {run.data.tags["identity"] for run in children}


def test_run_of_a_worker_is_identical_when_run_again(parent: Run, begun: Command) -> None:
    assert parent.info.status == "FINISHED"
    identity = min(folder.name for folder in (begun.outputs / "runs").iterdir())
    again = finish("rerun", identity, "--outputs-dir", str(begun.outputs), cwd=begun.elsewhere)
    assert again.returncode == 0, again.stderr
    assert "identical: 2 epochs, every metric and the weights after each, to the last bit" in again.stdout.splitlines()
