"""The tracking store, held against a real one: MLflow over SQLite."""

import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from experiments.recorders import mlflow_client
from experiments.recorders.tracker import Tracker, tracker
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.runs.history import Row
from experiments.tracking.client import TrackerError, connect

NOWHERE = "http://user:secret@127.0.0.1:9"  # the port of a service that nobody runs any more
ROWS = [Row(1, {"train/loss": 2.0, "test/accuracy": 0.5}, 1111, ""), Row(2, {"train/loss": 1.0}, 2222, "")]


@pytest.fixture
def client(store_uri: str) -> MlflowClient:
    return MlflowClient(store_uri)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def log_rows(tracker: Tracker, run_id: str, rows: Sequence[Row]) -> None:
    tracker.log(run_id, params={}, tags={}, rows=rows)


def test_run_begins_with_its_name_tags_and_params(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("a name", tags={"identity": "0123"}, begun_ms=1000)
    made.log(run_id, params={"model.channels": "[8, 16]", "seed": "0"}, tags={}, rows=[])
    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("RUNNING", "a name")
    assert run.data.tags["identity"] == "0123"
    assert run.data.params == {"model.channels": "[8, 16]", "seed": "0"}


def test_database_that_fails_is_an_error_and_no_page_on_the_terminal(
    made: Tracker, store_uri: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    made.open()
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as store:
        store.execute("ALTER TABLE runs RENAME TO lost")
        store.commit()
    capfd.readouterr()
    with pytest.raises(TrackerError, match=r"^tracking\.uri=sqlite"):
        made.create("a name", tags={}, begun_ms=1000)
    assert capfd.readouterr().err == ""
    assert caplog.messages == []


def test_what_cannot_be_logged_is_an_error_though_mlflow_is_told_to_log_later(
    made: Tracker, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    run_id = made.create("a name", tags={}, begun_ms=1000)
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as store:
        store.execute("ALTER TABLE metrics RENAME TO lost")
        store.commit()
    with pytest.raises(TrackerError, match=r"^tracking\.uri=sqlite"):
        log_rows(made, run_id, ROWS)


def test_new_database_writes_ahead_and_one_that_is_there_keeps_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Client:
        """In the place of MLflow's."""

        MlflowClient = staticmethod(lambda _: None)

    monkeypatch.setattr("experiments.tracking.client.mlflow", lambda: Client)
    monkeypatch.setattr("experiments.tracking.client._make_tables", lambda _: None)
    databases = [tmp_path / "new.db", tmp_path / "old.db"]
    with closing(sqlite3.connect(databases[1])) as old:
        old.execute("VACUUM")
    modes = []
    for database in databases:
        connect(f"sqlite:///{database}")
        with closing(sqlite3.connect(database)) as store:
            modes += store.execute("PRAGMA journal_mode").fetchone()
    assert modes == ["wal", "delete"]


def test_mlflow_is_made_ready_once_though_its_import_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> ModuleType:
        asked.append(name)
        if len(asked) == 1:
            signal.raise_signal(signal.SIGINT)
        return ModuleType(name)

    asked: list[str] = []
    bounded: list[ModuleType] = []
    monkeypatch.setattr(mlflow_client, "import_module", interrupted)
    monkeypatch.setattr(mlflow_client, "_bound_answers", bounded.append)
    monkeypatch.setattr(mlflow_client, "_imported", cache(mlflow_client._imported.__wrapped__))
    with pytest.raises(KeyboardInterrupt):
        mlflow_client.mlflow()
    assert mlflow_client.mlflow().__name__ == "mlflow"
    assert [module.__name__ for module in bounded] == ["mlflow.utils.request_utils"]


def test_params_logged_twice_are_no_error(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    for _ in range(2):
        made.log(run_id, params={"seed": "0"}, tags={}, rows=[])
    assert client.get_run(run_id).data.params == {"seed": "0"}


def test_child_names_its_parent(made: Tracker, client: MlflowClient) -> None:
    parent = made.create("parent", tags={}, begun_ms=1000)
    child = made.create("child", tags={}, begun_ms=1000, parent=parent)
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert "mlflow.parentRunId" not in client.get_run(parent).data.tags


def test_rows_have_their_own_epochs_and_times(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    log_rows(made, run_id, ROWS)
    history = client.get_metric_history(run_id, "train/loss")
    assert [(metric.step, metric.timestamp, metric.value) for metric in history] == [(1, 1111, 2.0), (2, 2222, 1.0)]


def test_rows_logged_twice_are_there_once(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    log_rows(made, run_id, ROWS[:1])
    log_rows(made, run_id, ROWS)
    assert len(client.get_metric_history(run_id, "train/loss")) == 2
    assert len(client.get_metric_history(run_id, "test/accuracy")) == 1


def test_long_history_is_logged_whole(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    log_rows(made, run_id, [Row(epoch, {"a": 1.0, "b": 2.0, "c": 3.0}, epoch, "") for epoch in range(1, 501)])
    for key in "abc":
        assert [metric.step for metric in client.get_metric_history(run_id, key)] == list(range(1, 501))


def test_metric_that_is_no_number_is_no_error(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    log_rows(made, run_id, [Row(1, {"nan": float("nan"), "inf": float("inf")}, 0, "")])
    assert {"nan", "inf"} <= set(client.get_run(run_id).data.metrics)


def test_tags_are_set_and_replaced(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={"outcome": "interrupted"}, begun_ms=1000)
    made.log(run_id, params={}, tags={"outcome": "completed", "weights.sha256": "ab"}, rows=[])
    tags = client.get_run(run_id).data.tags
    assert (tags["outcome"], tags["weights.sha256"]) == ("completed", "ab")


def test_file_is_an_artifact(made: Tracker, client: MlflowClient, tmp_path: Path) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    (tmp_path / "here.txt").write_text("content")
    made.log_file(run_id, tmp_path / "here.txt")
    assert [file.path for file in client.list_artifacts(run_id)] == ["here.txt"]


def test_artifacts_lie_where_they_were_asked_for_whatever_the_current_folder(
    made: Tracker, outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run_id = made.create("n", tags={}, begun_ms=1000)
    (tmp_path / "here.txt").write_text("content")
    made.log_file(run_id, tmp_path / "here.txt")
    assert (outputs / "artifacts" / run_id / "artifacts" / "here.txt").read_text() == "content"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_run_ends_with_its_status(status: str, made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    made.set_status(run_id, status, 2000)  # type: ignore[arg-type]
    info = client.get_run(run_id).info
    assert (info.status, info.end_time) == (status, 2000)


def test_ended_run_is_taken_up_again(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    made.set_status(run_id, "KILLED", 2000)
    made.set_status(run_id, "RUNNING", None)
    assert client.get_run(run_id).info.status == "RUNNING"


def test_deleted_or_unknown_run_has_no_params(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    client.delete_run(run_id)
    assert made.params(run_id) is None
    assert made.params("0" * 32) is None


def test_run_that_was_created_is_known_by_its_words(made: Tracker) -> None:
    parent = made.create("parent", tags={}, begun_ms=1000)
    words = {"tags": {"identity": "0"}, "begun_ms": 1000, "parent": parent}
    run_id = made.create("name", **words)  # type: ignore[arg-type]
    assert made.created(**words) == [run_id]  # type: ignore[arg-type]
    for other in ({"tags": {"identity": "1"}}, {"begun_ms": 1001}, {"parent": run_id}):
        assert made.created(**{**words, **other}) == []  # type: ignore[arg-type]


def test_only_a_run_that_is_running_is_interrupted(made: Tracker, client: MlflowClient) -> None:
    running, ended = (made.create("n", tags={}, begun_ms=1000) for _ in range(2))
    made.set_status(ended, "FINISHED", 2000)
    for run_id in (running, ended, "0" * 32):
        made.interrupt(run_id)
    assert [client.get_run(run_id).info.status for run_id in (running, ended)] == ["KILLED", "FINISHED"]


def test_many_params_and_tags_are_logged_whole(made: Tracker, client: MlflowClient) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    texts = {f"key{number}": "x" for number in range(250)}
    made.log(run_id, params=texts, tags=texts, rows=[])
    data = client.get_run(run_id).data
    assert data.params == texts
    assert texts.items() <= data.tags.items()


def test_run_begins_when_it_is_said_to(made: Tracker, client: MlflowClient) -> None:
    assert client.get_run(made.create("n", tags={}, begun_ms=1234)).info.start_time == 1234


def test_run_in_the_surroundings_redirects_nothing(
    made: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = made.create("other", tags={}, begun_ms=1000)
    monkeypatch.setenv("MLFLOW_RUN_ID", other)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "somewhere else")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    run_id = made.create("own", tags={}, begun_ms=1000)
    log_rows(made, run_id, ROWS)
    assert run_id != other
    assert client.get_run(other).data.metrics == {}
    assert client.get_run(run_id).data.metrics["train/loss"] == 1.0
    assert client.get_experiment(client.get_run(run_id).info.experiment_id).name == "cnn"
    assert not (tmp_path / "other.db").exists()


def test_existing_experiment_is_used(made: Tracker, client: MlflowClient, store_uri: str, tmp_path: Path) -> None:
    assert Tracker(store_uri, "cnn", tmp_path).open() == made.open()
    assert {found.name for found in client.search_experiments()} == {"Default", "cnn"}


def test_deleted_experiment_is_refused_and_named(made: Tracker, client: MlflowClient, store_uri: str) -> None:
    client.delete_experiment(made.open())
    with pytest.raises(TrackerError, match=r"^tracking\.experiment=cnn: was deleted in .*; restore it or choose"):
        Tracker(store_uri, "cnn", Path()).open()


def test_tracker_is_one_a_process_for_each_store(store_uri: str, tmp_path: Path) -> None:
    assert tracker(store_uri, "cnn", tmp_path) is tracker(store_uri, "cnn", tmp_path)
    assert tracker(store_uri, "cnn", tmp_path) is not tracker(store_uri, "other", tmp_path)


@pytest.mark.usefixtures("no_proxy")
def test_unreachable_server_is_one_line_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(TrackerError) as caught:
        Tracker(NOWHERE, "cnn", tmp_path).open()
    message = str(caught.value)
    assert message.startswith("tracking.uri=http://127.0.0.1:9: ")
    assert len(message.splitlines()) == 1
    assert "secret" not in message


def test_impossible_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for uri in ("nonsense://somewhere", f"sqlite:///{tmp_path}/file/mlflow.db"):
        with pytest.raises(TrackerError, match=f"^tracking.uri={uri}: ") as caught:
            Tracker(uri, "cnn", tmp_path).open()
        assert len(str(caught.value).splitlines()) == 1


def test_run_that_cannot_be_looked_up_is_no_unknown_run(made: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)

    def refuse(*_: object) -> None:
        raise MlflowException("out of memory")

    monkeypatch.setattr(MlflowClient, "get_run", refuse)
    with pytest.raises(TrackerError, match="out of memory"):
        made.params(run_id)


def test_server_elsewhere_has_no_file_written_into_a_folder_of_this_machine(
    made: Tracker, outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    (tmp_path / "here.txt").write_text("content")
    monkeypatch.setattr("experiments.recorders.tracker.is_elsewhere", lambda _: True)
    for _ in range(2):
        made.log_file(run_id, tmp_path / "here.txt")
    assert list((outputs / "artifacts").rglob("*.txt")) == []
    assert caplog.text.count("they stay in outputs_dir") == 1
