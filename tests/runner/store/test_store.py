"""What a store tells of the runs in it and is told of them, held against a real one: MLflow over SQLite."""

import math
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from experiments.store.client import Client, TrackerError, mlflow
from experiments.store.store import Store

NOWHERE = "http://user:secret@127.0.0.1:9"  # the port of a service that nobody runs any more


@pytest.fixture
def store(store_uri: str) -> Store:
    return Store(store_uri)


@pytest.fixture
def experiment(store: Store, tmp_path: Path) -> str:
    return store.experiment_id("cnn", f"file://{tmp_path}/artifacts")


def test_store_tells_of_runs_what_was_logged(store: Store, experiment: str) -> None:
    first = store.create(experiment, "first", {"identity": "0123"}, 1000).run_id
    rows = [("train/loss", 2.0, 1111, 1), ("test/accuracy", 0.5, 1111, 1), ("train/loss", 1.0, 2222, 2)]
    store.log(first, {"seed": "0"}, {"outcome": "completed"}, rows)
    store.set_status(first, "FINISHED", 3000)
    second = store.create(store.experiment_id("other", None), "second", {}, 2000).run_id
    later, earlier = store.search("")
    assert (later.run_id, later.name, later.begun_ms, later.status) == (second, "second", 2000, "RUNNING")
    assert (earlier.tags["identity"], earlier.tags["outcome"], earlier.params) == ("0123", "completed", {"seed": "0"})
    assert (earlier.status, earlier.ended_ms) == ("FINISHED", 3000)
    assert earlier.metrics == {"train/loss": 1.0, "test/accuracy": 0.5}
    assert [run.run_id for run in store.search("tags.identity LIKE '01%'")] == [first]
    assert [run.run_id for run in store.search("", [store.experiments()["other"]])] == [second]


def test_store_tells_of_more_runs_than_come_in_one_answer(
    store: Store, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.store.store._PAGE", 2)
    ids = [store.create(experiment, "n", {}, begun_ms).run_id for begun_ms in range(1000, 1005)]
    assert [run.run_id for run in store.search("")] == ids[::-1]


def test_whatever_is_logged_twice_is_there_once_however_much_it_is(
    store: Store, experiment: str, client: Client
) -> None:
    run_id = store.create(experiment, "n", {}, 1000).run_id
    texts = {f"key{number}": "x" for number in range(250)}
    values = [
        (key, value, e, e) for e in range(1, 501) for key, value in (("a", 1.0), ("b", math.inf), ("c", math.nan))
    ]
    for _ in range(2):
        store.log(run_id, texts, texts, values)
    for key in "abc":
        assert [(m.step, m.timestamp) for m in client.get_metric_history(run_id, key)] == [
            (e, e) for e in range(1, 501)
        ]
    data = client.get_run(run_id).data
    assert data.params == texts
    assert texts.items() <= data.tags.items()


def test_run_in_the_surroundings_redirects_nothing(
    store: Store, experiment: str, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = store.create(experiment, "other", {}, 1000).run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", other)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "somewhere else")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    run = store.create(experiment, "own", {}, 1000)
    store.log(run.run_id, {"seed": "0"}, {}, [])
    assert (run.run_id != other, run.experiment_id) == (True, experiment)
    assert [client.get_run(run_id).data.params for run_id in (other, run.run_id)] == [{}, {"seed": "0"}]
    assert not (tmp_path / "other.db").exists()


def test_deleted_experiment_is_refused_and_named(store: Store, experiment: str, client: Client) -> None:
    client.delete_experiment(experiment)
    with pytest.raises(TrackerError, match=r"^tracking\.experiment=cnn: was deleted in .*; restore it or choose"):
        store.experiment_id("cnn", None)


def test_database_that_fails_is_an_error_and_no_page_on_the_terminal_though_mlflow_is_told_to_log_later(
    store: Store,
    experiment: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    run_id = store.create(experiment, "a name", {}, 1000).run_id
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE metrics RENAME TO lost")
        database.commit()
    capfd.readouterr()
    with pytest.raises(TrackerError, match=r"^tracking\.uri=sqlite"):
        store.log(run_id, {}, {}, [("a", 1.0, 1, 1)])
    assert (capfd.readouterr().err, caplog.messages) == ("", [])


def test_unreachable_or_impossible_store_is_one_line_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "file").touch()
    for uri in (NOWHERE, f"sqlite:///{tmp_path}/file/mlflow.db"):
        with pytest.raises(TrackerError) as caught:
            Store(uri).experiments()
        (line,) = str(caught.value).splitlines()
        assert line.startswith(f"tracking.uri={uri.replace('user:secret@', '')}: ")


def test_store_that_is_missing_is_not_made_by_asking(tmp_path: Path) -> None:
    assert Store(f"sqlite:///{tmp_path}/mlflow.db").is_missing()
    assert not Store("http://127.0.0.1:9").is_missing()
    assert list(tmp_path.iterdir()) == []


def test_database_whose_tables_were_not_all_made_never_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "mlflow.db"
    uri = f"sqlite:///{database}"
    upgrade = mlflow().store.db.utils._upgrade_db

    def cut_off(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE experiments ADD COLUMN creation_time BIGINT"))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlflow.store.db.utils._upgrade_db", cut_off)
    with pytest.raises(TrackerError, match="No space left"):
        Store(uri).experiments()
    assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db.lock"}
    (tmp_path / "mlflow.db.0123.draft-wal").touch()  # of one that was killed

    monkeypatch.setattr("mlflow.store.db.utils._upgrade_db", upgrade)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow defines its tables in a way that SQLAlchemy will drop
        assert Store(uri).experiments() == {"Default": "0"}
    assert {path.name.partition(".db")[2] for path in tmp_path.iterdir()} <= {"", ".lock", "-wal", "-shm"}
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_new_database_has_nothing_of_a_deleted_one_whose_process_was_killed(
    store: Store, experiment: str, tmp_path: Path
) -> None:
    database = Path(store.uri.removeprefix("sqlite:///"))
    store.create(experiment, "old", {}, 1000)
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("UPDATE runs SET name = 'older'")
        opened.commit()
        left = database.with_name("mlflow.db-wal").read_bytes()  # what is written ahead, and in no other file yet
    assert left
    (tmp_path / "new.db-wal").write_bytes(left)
    (tmp_path / "new.db-shm").touch()
    assert list(Store(f"sqlite:///{tmp_path}/new.db").search("")) == []
    with closing(sqlite3.connect(tmp_path / "new.db")) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
