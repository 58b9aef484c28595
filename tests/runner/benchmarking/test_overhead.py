"""What a run takes besides training, measured on real runs and a real store."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.benchmarking.overhead import Overhead, measure_overhead
from experiments.errors import UserError
from experiments.sweeps.task import Report
from tests.runner.stores import make_store

RUNS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overhead") / "outputs"
    make_store(folder, tmp_path_factory)
    return folder


@pytest.fixture(scope="module")
def measured(folder: Path) -> Overhead:
    return measure_overhead(folder, RUNS)


def test_total_consists_of_its_parts_run_by_run(measured: Overhead) -> None:
    total, *parts = measured.parts().values()
    assert [len(values) for values in (total, *parts)] == [RUNS] * 5
    *parts, processor = parts
    assert [sum(values) for values in zip(*parts, strict=True)] == pytest.approx(total, abs=1e-12)
    for number in range(RUNS):
        assert 0 < measured.pictures[number] < total[number]
        assert processor[number] > 0


def test_half_of_the_runs_are_tracked(measured: Overhead, folder: Path) -> None:
    assert measured
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    tracked = [run for run in client.search_runs([experiment.experiment_id]) if "identity" in run.data.tags]
    assert [run.info.status for run in tracked] == ["FINISHED"] * (1 + RUNS)
    assert len(list((folder / "runs").glob("*/finished.json"))) == 2 * (1 + RUNS)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report(True, "failed: no space left"), "no space left"),
        (Report(False, "90 %", 0.9, ("store is down",)), "down"),
    ],
)
def test_run_that_fails_or_is_not_tracked_is_no_measurement(
    report: Report, said: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path, tmp_path_factory)
    monkeypatch.setattr("experiments.benchmarking.overhead.carry_out", lambda _: report)
    with pytest.raises(UserError, match=said):
        measure_overhead(tmp_path, 1)
