"""What a store tells of the runs in it, held against a real one: MLflow over SQLite."""

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from experiments.recorders.tracker import Tracker
from sqlalchemy import Engine, text

from experiments.runs.history import Row
from experiments.tracking.client import TrackerError, mlflow
from experiments.tracking.store import Store


def test_store_tells_of_runs_what_was_logged(made: Tracker, store_uri: str) -> None:
    first = made.create("first", tags={"identity": "0123"}, begun_ms=1000)
    rows = [Row(1, {"train/loss": 2.0, "test/accuracy": 0.5}, 1111, ""), Row(2, {"train/loss": 1.0}, 2222, "")]
    made.log(first, params={"seed": "0"}, tags={}, rows=rows)
    second = Tracker(store_uri, "other", Path()).create("second", tags={}, begun_ms=2000)
    store = Store(store_uri)
    later, earlier = store.search("")
    assert (later.run_id, later.name, later.begun_ms, later.status) == (second, "second", 2000, "RUNNING")
    assert earlier.tags["identity"] == "0123"
    assert earlier.params == {"seed": "0"}
    assert earlier.metrics == {"train/loss": 1.0, "test/accuracy": 0.5}
    assert [run.run_id for run in store.search("tags.identity LIKE '01%'")] == [first]
    assert [run.run_id for run in store.search("", [store.experiments()["other"]])] == [second]


def test_store_tells_of_more_runs_than_come_in_one_answer(
    made: Tracker, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.tracking.store._PAGE", 2)
    ids = [made.create("n", tags={}, begun_ms=begun_ms) for begun_ms in range(1000, 1005)]
    assert [run.run_id for run in Store(store_uri).search("")] == ids[::-1]


def test_store_hands_out_files(made: Tracker, store_uri: str, tmp_path: Path) -> None:
    run_id = made.create("n", tags={}, begun_ms=1000)
    (tmp_path / "here.txt").write_text("content")
    made.log_file(run_id, tmp_path / "here.txt")
    store = Store(store_uri)
    assert store.file(run_id, "here.txt") == b"content"
    assert store.file(run_id, "missing.txt") is None


def test_store_that_is_missing_is_not_made_by_asking(tmp_path: Path) -> None:
    assert Store(f"sqlite:///{tmp_path}/mlflow.db").is_missing()
    assert not Store("http://127.0.0.1:9").is_missing()
    assert list(tmp_path.iterdir()) == []


def test_deleted_runs_and_those_of_deleted_experiments_are_known_too(made: Tracker, store_uri: str) -> None:
    other = Tracker(store_uri, "other", Path())
    ids = [made.create("n", tags={}, begun_ms=1000), made.create("n", tags={}, begun_ms=1000)]
    ids.append(other.create("n", tags={}, begun_ms=1000))
    made.delete(ids[0])
    store = Store(store_uri)
    store.client.delete_experiment(other.open())
    assert store.run_ids() == set(ids)
    assert [store.knows(run_id) for run_id in [*ids, "0" * 32]] == [True, True, True, False]


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
    made: Tracker, store_uri: str, tmp_path: Path
) -> None:
    database = Path(store_uri.removeprefix("sqlite:///"))
    made.create("old", tags={}, begun_ms=1000)
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("UPDATE runs SET name = 'older'")
        opened.commit()
        left = database.with_name("mlflow.db-wal").read_bytes()  # what is written ahead, and in no other file yet
    assert left
    for path in tmp_path.glob("mlflow.db*"):
        path.unlink()
    (tmp_path / "new.db-wal").write_bytes(left)
    (tmp_path / "new.db-shm").touch()
    assert list(Store(f"sqlite:///{tmp_path}/new.db").search("")) == []
    with closing(sqlite3.connect(tmp_path / "new.db")) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
