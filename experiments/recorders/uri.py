"""The address of a store, as MLflow writes it: what it says, and how it may be shown."""

import re
from pathlib import Path
from urllib.parse import urlsplit

# What `public` leaves out. A password may hold a slash; what follows the host's colon is its port.
_BEFORE_HOST = re.compile(r"://(?:[^/:\s]*:(?!\d+(?:[/?#\s]|$))\S*@|[^/\s]*@)")
_SECRET = r"user(?:name)?|[^=&?\s]*(?:passw|passphrase|pwd|secret|token|credential|api_?key)[^=&\s]*"
_IN_QUERY = re.compile(rf"([?&])(?:(?:{_SECRET})=[^&\s]*(?:&|(?=\s|$)))+", re.IGNORECASE)


def is_server(uri: str) -> bool:
    """Whether a store is a tracking server, which has a UI of its own."""
    return urlsplit(uri).scheme in ("http", "https")


def absolute_uri(uri: str) -> str:
    """Write a relative SQLite path out in full, so that it means the same from every folder.

    >>> absolute_uri("sqlite:////tmp/mlflow.db")
    'sqlite:////tmp/mlflow.db'
    """
    path = sqlite_path(uri)
    return uri if path is None else f"sqlite:///{path.absolute()}"


def public(text: str) -> str:
    """A URI, or a text with URIs in it, as it may be shown: without users and passwords.

    >>> public("postgresql://user:secret@db:5432/mlflow")
    'postgresql://db:5432/mlflow'
    >>> public("postgresql://db/mlflow?sslmode=require&sslpassword=secret")
    'postgresql://db/mlflow?sslmode=require'
    """
    return _IN_QUERY.sub(lambda found: found[1] if found[0].endswith("&") else "", _BEFORE_HOST.sub("://", text))


def sqlite_path(uri: str) -> Path | None:
    """The file of a store that is a SQLite database; None for any other store.

    >>> sqlite_path("sqlite:////tmp/mlflow.db"), sqlite_path("http://localhost:5000")
    (PosixPath('/tmp/mlflow.db'), None)
    """
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
