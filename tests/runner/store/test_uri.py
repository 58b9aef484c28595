"""The address of a store: what it means, and what of it is shown."""

from pathlib import Path

import pytest

from experiments.store.client import TrackerError
from experiments.store.store import Store
from experiments.store.uri import absolute_uri, fault_of_address, public, sqlite_path

NO_STORE = "must be a tracking server or a database, as http://host:5000 or sqlite:////folder/mlflow.db"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://user:s@cret@example.org:8080", "https://example.org:8080"),
        ("postgresql://user:secret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://user:sec/ret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("http://localhost: is it up? ask me@work", "http://localhost: is it up? ask me@work"),
        ("postgresql://db/mlflow?password=secret&sslmode=require", "postgresql://db/mlflow?sslmode=require"),
        ("postgresql://db/mlflow?sslmode=a&sslpassword=secret&b=c", "postgresql://db/mlflow?sslmode=a&b=c"),
        ("sqlite:////home/someone@work/mlflow.db", "sqlite:////home/someone@work/mlflow.db"),
        ("tracking/http:/=user:secret@127.0.0.1:9/: must be", "tracking/http:/=127.0.0.1:9/: must be"),
        ("['http://user:secret@127.0.0.1:9/']", "['http://127.0.0.1:9/']"),
        ("epoch 1:2 of a@b.c at 10:30", "epoch 1:2 of a@b.c at 10:30"),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Dsecret", "mssql+pyodbc:///"),
    ],
)
def test_users_and_passwords_are_not_shown(uri: str, shown: str) -> None:
    assert public(uri) == shown


def test_database_is_its_file_whatever_else_its_address_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_path("sqlite:////x.db?password=secret") == Path("/x.db")
    assert Store("sqlite:///x.db?timeout=3").uri == f"sqlite:///{tmp_path}/x.db?timeout=3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:5000", "http://localhost:5000/"),
        ("https://user:secret@host/mlflow", "https://user:secret@host/mlflow//"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/runs/..//mlflow.db"),
    ],
)
def test_store_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert absolute_uri(one) == absolute_uri(other)


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        *((f"http{rest}", None) for rest in ("://localhost:5000", "s://user:secret@example.org/path", "://[::1]:5000")),
        *((f"sqlite://{rest}", None) for rest in ("//srv/mlflow.db", "/mlflow.db?timeout=3")),
        *((f"{name}://user:secret@db:5432/mlflow", None) for name in ("postgresql", "postgresql+psycopg2", "mysql")),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dme", None),
        *((uri, NO_STORE) for uri in ("ftp://x", "nonsense", "nonsense://", "./mlruns", "/tmp/mlruns", "databricks")),
        *((f"http:{rest}", NO_STORE) for rest in ("//", "//[::1", "//host:port", "//host:99999", "host")),
        *((f"sqlite{rest}", NO_STORE) for rest in ("://", ":///", ":mlflow.db", "+pysqlite:////tmp/mlflow.db")),
        *((uri, NO_STORE) for uri in ("file:///tmp/mlruns", "postgresql://", "postgres://db/mlflow", "mysqlx://db/a")),
    ],
)
def test_address_of_no_store_is_answered_by_how_one_is_written(uri: str, fault: str | None) -> None:
    assert fault_of_address(uri) == fault


@pytest.mark.parametrize("uri", ["ftp://x", "nonsense", "./mlruns", "http://[::1"])
def test_store_that_is_none_fails_in_a_line_wherever_its_address_is_from(uri: str) -> None:
    with pytest.raises(TrackerError) as caught:
        Store(uri).experiments()
    assert str(caught.value) == f"tracking.uri={uri}: {NO_STORE}"
