"""All runs of an experiment as frames, from a real store."""

from pathlib import Path

import pandas as pd
import pytest

from experiments.compare import histories, runs
from experiments.errors import UserError
from experiments.store.store import Store


@pytest.fixture
def ids(store_uri: str) -> list[str]:
    """Two runs of two epochs and the sweep they are part of; a third in another experiment."""
    store = Store(store_uri)
    experiment_id = store.experiment_id("cnn", None)
    parent = store.create(experiment_id, "sweep", {"sweep.id": "5eeb", "sweep.size": "2"}, 1000)
    made = []
    for number, rate in enumerate(("0.5", "1e-05"), start=1):
        tags = {"identity": f"{number:012x}", "sweep.id": "5eeb", "outcome": "completed"}
        tags |= {"mlflow.parentRunId": parent.run_id}
        run_id = store.create(experiment_id, f"lr={rate}", tags, 1000 * number + 1000).run_id
        params = {"optimizer.lr": rate, "data.batch_size": "32", "trainer.threads": "None"}
        params |= {"model.channels": "[8, 16]", "force": "True", "data.name": "digits", "identity": "not mine"}
        losses = [("train/loss", number / epoch, 1000 * epoch, epoch) for epoch in (1, 2)]
        store.log(run_id, params, {}, [*losses, ("best/epoch", 2.0, 2000, 2)])
        made.append(run_id)
    store.create(store.experiment_id("other", None), "other", {"identity": "3"}, 1)
    return made


def test_frame_has_a_row_a_run_of_the_experiment_the_last_begun_first(ids: list[str], outputs: Path) -> None:
    frame = runs(outputs, experiment="cnn")
    assert frame["run_id"].tolist() == ids[::-1]
    assert frame["name"].tolist() == ["lr=1e-05", "lr=0.5"]
    assert frame["identity"].tolist() == [f"{2:012x}", f"{1:012x}"]
    assert set(frame["status"]) == {"RUNNING"}
    assert set(frame["sweep.id"]) == {"5eeb"}
    assert frame["begun"].tolist() == [pd.Timestamp(seconds, unit="s", tz="UTC") for seconds in (3, 2)]


def test_numbers_are_numbers(ids: list[str], outputs: Path) -> None:
    frame = runs(outputs, experiment="cnn")
    assert len(frame) == len(ids)
    assert frame["optimizer.lr"].tolist() == [1e-5, 0.5]
    assert frame["data.batch_size"].dtype.kind == "i"
    assert frame["force"].tolist() == [True, True]
    assert frame["trainer.threads"].isna().all()
    assert frame["data.name"].tolist() == ["digits"] * 2
    assert frame["model.channels"].tolist() == ["[8, 16]"] * 2  # as one types it, and rows can be grouped by it
    assert frame["train/loss"].tolist() == [1.0, 0.5]
    assert frame["best/epoch"].tolist() == [2.0, 2.0]


def test_frame_of_histories_has_a_row_an_epoch(ids: list[str], outputs: Path) -> None:
    frame = histories(outputs, experiment="cnn")
    assert frame["run_id"].tolist() == [ids[1], ids[1], ids[0], ids[0]]
    assert frame["epoch"].tolist() == [1, 2, 1, 2]
    assert frame["train/loss"].tolist() == [2.0, 1.0, 1.0, 0.5]
    assert list(frame.columns) == ["run_id", "identity", "name", "epoch", "train/loss"]


def test_server_and_database_are_asked_in_ways_that_give_the_same(
    ids: list[str], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = histories(outputs, experiment="cnn")
    bulk = "mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore.get_metric_history_bulk"
    monkeypatch.delattr(bulk)
    monkeypatch.setattr("experiments.store.store._CONNECTIONS", 1)
    pd.testing.assert_frame_equal(histories(outputs, experiment="cnn"), at_once)
    assert len(at_once) == 2 * len(ids)


def test_everything_comes_though_it_takes_several_answers(
    ids: list[str], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = runs(outputs, experiment="cnn"), histories(outputs, experiment="cnn")
    monkeypatch.setattr("experiments.store.store._PAGE", 1)
    pd.testing.assert_frame_equal(runs(outputs, experiment="cnn"), whole[0])
    pd.testing.assert_frame_equal(histories(outputs, experiment="cnn"), whole[1])
    assert len(whole[0]) == len(ids)


def test_store_can_be_elsewhere(ids: list[str], store_uri: str, tmp_path: Path) -> None:
    frame = runs(tmp_path / "nothing here", experiment="cnn", tracking_uri=store_uri)
    assert len(frame) == len(ids)


def test_experiment_without_runs_is_an_empty_frame(store_uri: str, outputs: Path) -> None:
    assert store_uri
    assert runs(outputs, experiment="Default").empty
    assert histories(outputs, experiment="Default").empty


@pytest.mark.parametrize("ask", [runs, histories])
def test_unknown_experiment_is_refused_with_those_there_are(ask: object, ids: list[str], outputs: Path) -> None:
    assert callable(ask)
    assert ids
    with pytest.raises(UserError, match=r"has no experiment 'cn'; it has Default, cnn, other$"):
        ask(outputs, experiment="cn")


def test_missing_store_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no store yet"):
        runs(tmp_path / "typo", experiment="cnn")
    assert list(tmp_path.iterdir()) == []
