"""The address of a store: what it means, and what of it is shown."""

from pathlib import Path

import pytest

from experiments.recorders.store import Store
from experiments.recorders.uri import absolute_uri, public


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://localhost:5000", "http://localhost:5000"),
        ("https://user:secret@example.org/path", "https://example.org/path"),
        ("https://user:s@cret@example.org:8080", "https://example.org:8080"),
        ("postgresql://user:secret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://user:sec/ret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://db/mlflow?user=me&password=s%26ecret", "postgresql://db/mlflow"),
        ("postgresql://db/mlflow?password=secret&sslmode=require", "postgresql://db/mlflow?sslmode=require"),
        ("postgresql://db/mlflow?user=me&a=b&token=t&password=p", "postgresql://db/mlflow?a=b"),
        ("postgresql://db/mlflow?sslmode=a&sslpassword=secret&b=c", "postgresql://db/mlflow?sslmode=a&b=c"),
        ("mysql://db/mlflow?Passwd=secret: is it up?", "mysql://db/mlflow is it up?"),
        ("sqlite:////home/someone@work/mlflow.db", "sqlite:////home/someone@work/mlflow.db"),
        ("sqlite:////x.db?mode=ro&timeout=3", "sqlite:////x.db?mode=ro&timeout=3"),
        ("http://localhost:5000/path/someone@work", "http://localhost:5000/path/someone@work"),
    ],
)
def test_users_and_passwords_are_not_shown(uri: str, shown: str) -> None:
    assert public(uri) == shown


def test_relative_database_is_meant_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_uri("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert Store("sqlite:///mlflow.db").uri == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("uri", ["http://localhost:5000", "sqlite:////absolute/mlflow.db", "postgresql://db/mlflow"])
def test_other_uris_stay_as_they_are(uri: str) -> None:
    assert absolute_uri(uri) == uri
