"""The address of a store, as MLflow writes it: what it says, and how it may be shown; and the ids of its runs."""

import re
from os.path import abspath
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

# What `public` leaves out. A password may hold a slash and a space; what follows the host's colon is its port.
_BEFORE_HOST = re.compile(r"://(?:[^/:\s]*:(?!\d+(?:[/?#\s]|$)|\s)(?:\S*@|[^@\n]*@)|[^/\s]*@)")
_ALONE = re.compile(r"(?<![\w/])[\w.%+-]+:[^\s/@]+@(?=[\w\[])")  # of an address whose scheme was cut off
_SECRET = r"odbc_connect|user(?:name)?|[^=&?\s]*(?:passw|passphrase|pwd|secret|token|credential|api_?key)[^=&\s]*"
_IN_QUERY = re.compile(rf"([?&])(?:(?:{_SECRET})=[^&\s]*(?:&|(?=\s|$)))+", re.IGNORECASE)

_DATABASES = ("postgresql", "mysql", "mssql")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_RUN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NO_STORE = "must be a tracking server or a database, as http://host:5000 or sqlite:////folder/mlflow.db"


def fault_of_address(uri: str) -> str | None:
    """What keeps an address from being that of a store; None if nothing does. Nothing is asked or opened.

    >>> fault_of_address("./mlruns")
    'must be a tracking server or a database, as http://host:5000 or sqlite:////folder/mlflow.db'
    """
    path = sqlite_path(uri)
    if path is not None and path.name:
        return fault_of_path(str(path))
    scheme, _, rest = uri.partition("://")
    try:
        parts = urlsplit(uri)
        is_whole = bool(parts.hostname and parts.port != 0) if is_server(uri) else bool(rest)
    except ValueError:  # of a port that is no number, or half a pair of brackets
        is_whole = False
    return None if is_whole and (is_server(uri) or scheme.partition("+")[0] in _DATABASES) else _NO_STORE


def fault_of_path(path: str) -> str | None:
    """What keeps a database from being at this path; None if nothing does.

    >>> fault_of_path("/tmp/p%41/mlflow.db")
    "must not have '%41' in it, which stands for another character in a store's address"
    """
    if "?" in path:
        return "must not have a '?' in it, which ends a path in the store's address"
    if found := _ESCAPE.search(path):
        return f"must not have '{found[0]}' in it, which stands for another character in a store's address"
    return None


def is_server(uri: str) -> bool:
    """Whether a store is a tracking server, which has a UI of its own."""
    return uri.partition("://")[0].lower() in ("http", "https")


def absolute_uri(uri: str) -> str:
    """Write an address in full and in one way, so that it means the same from every folder.

    >>> absolute_uri("sqlite:////tmp/runs/../mlflow.db"), absolute_uri("http://localhost:5000/")
    ('sqlite:////tmp/mlflow.db', 'http://localhost:5000')
    """
    path, (_, mark, query) = sqlite_path(uri), uri.partition("?")
    if path is not None:
        return f"sqlite:///{abspath(path)}{mark}{query}"
    return uri.rstrip("/") if is_server(uri) else uri


def public(text: str) -> str:
    """A URI, or a text with URIs in it, without users and passwords.

    >>> public("postgresql://user:secret@db:5432/mlflow?sslmode=require&sslpassword=secret")
    'postgresql://db:5432/mlflow?sslmode=require'
    """
    without_query = _IN_QUERY.sub(lambda found: found[1] if found[0].endswith("&") else "", text)
    return _ALONE.sub("", _BEFORE_HOST.sub("://", without_query))


def sqlite_path(uri: str) -> Path | None:
    """The file of a store that is a SQLite database, without what follows a question mark; None for any other store.

    >>> sqlite_path("sqlite:////tmp/mlflow.db"), sqlite_path("http://localhost:5000")
    (PosixPath('/tmp/mlflow.db'), None)
    """
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]) if uri.startswith("sqlite:///") else None


def is_run_id(value: object) -> TypeGuard[str]:
    """Whether it is what a store may call a run: ids are printed, and put into questions and addresses.

    >>> is_run_id("0af7651916cd43dd8448eb211c80319c"), is_run_id("ab\x1b[31m"), is_run_id("../ab")
    (True, False, False)
    """
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None
