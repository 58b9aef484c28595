"""MLflow itself: the one file that imports it, with the settings it needs here, and one error for all that it raises.

Everything goes through an explicit client, so no MLFLOW_* variable of the surroundings and no active run of the process
can redirect a run.
"""

import contextlib
import gc
import glob
import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from socket import gaierror
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from filelock import FileLock
from requests import RequestException, Response, Session
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

from cnn_core.state import replaced
from experiments.errors import UserError
from experiments.store.uri import fault_of_address, public, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

Client: TypeAlias = "MlflowClient"

_ANSWER_SIZE = 64 << 20  # bytes; a thousand runs with all their params are 10 MB
_ANSWER_SECONDS = 60.0
_PART = 1 << 16  # bytes
_READ, _SHOWN = 10_000, 400  # characters of an error
_PATIENCE = 120.0  # seconds to wait for another process that makes the store ready
_LOCK = 0x636E6E  # the number of PostgreSQL's lock that stands for this
_MAX_LOCKED_MS = 5000  # to wait for another program that writes to a SQLite store
_THIS_MACHINE = "localhost,127.0.0.1,127.0.0.0/8,::1"  # not every library knows 127.0.0.0/8

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # whoever asks tries again, and knows what may have been done twice
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # a server would say for how long it is waited for
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # what we print is ours
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen more processes that nothing here needs
}


class TrackerError(UserError):
    """The store cannot be reached or fails; training does not depend on it."""


class ArtifactError(TrackerError):
    """A file cannot be stored where the store keeps them; all else of the run is shown."""


class StoreRefusesError(TrackerError):
    """The store answers, and will not do it: trying again would not help, but it may well do other things."""


# What MLflow says of an answer without JSON. That of a gateway, 502 to 504, says nothing of what is behind it.
_NO_MLFLOW = re.compile(
    r"API request to endpoint (?:\S+ failed with error code (404|405|501) != 200"
    r"|was successful but the response body was not in a valid JSON format)"
)
_SERVER_ERROR = re.compile(r"too many (5\d\d) error responses")
# What MLflow and Alembic say of tables that another MLflow made.
_SCHEMA = re.compile(r"found version (?!None)(\w+), but expected|Can't locate revision identified by '(\w+)'")
# What MLflow calls its refusals.
_REFUSALS = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "INVALID_STATE",
             "PERMISSION_DENIED")  # fmt: skip


def connect(uri: str) -> Client:
    """MLflow's client of a store; a store that is new gets its tables.

    Raises:
        TrackerError: it is none, or cannot be made ready.
    """
    if fault := fault_of_address(uri):  # in targets, for one, that somebody else wrote
        raise TrackerError(f"tracking.uri={public(uri)}: {fault}")
    with translated(uri), one_at_a_time(uri):
        path = sqlite_path(uri)
        if path is not None and not path.exists():
            _create_database(path)
        client: Client = mlflow().MlflowClient(uri)
        return client


def _create_database(path: Path) -> None:
    """Create a SQLite database with MLflow's tables; it is there whole or not at all.

    MLflow makes its tables step by step, and never gets past a step that was cut off, by a full disk or a kill. With
    write-ahead logging a transaction waits for the disk once instead of four times, and readers and a writer do not
    wait for each other; it needs all processes on one machine. Those of several share a tracking server.
    """
    _remove_leftovers(path)
    try:
        with replaced(path) as draft:
            with contextlib.closing(sqlite3.connect(draft)) as database:
                database.execute("PRAGMA journal_mode = WAL")  # it stays with the file
            engine = mlflow().store.db.utils.create_sqlalchemy_engine(f"sqlite:///{draft}")
            try:
                mlflow().store.db.utils._safe_initialize_tables(engine)
            finally:
                engine.dispose()  # what was written ahead is in the file itself then
    finally:
        _remove_leftovers(path)


def _remove_leftovers(path: Path) -> None:
    """Remove unfinished drafts, and what SQLite keeps beside a database that is gone: it would break the new one."""
    for suffix in (".*.draft*", "-wal", "-shm", "-journal"):
        for left in path.parent.glob(glob.escape(path.name) + suffix):
            left.unlink(missing_ok=True)


@cache
def mlflow() -> ModuleType:
    """MLflow, imported at first use: it takes seconds, and must find its settings when it comes."""
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    _bypass_proxies()
    with without_garbage():
        module, sqlalchemy = import_module("mlflow"), import_module("sqlalchemy")
        import_module("mlflow.entities")
        _bound_answers(import_module("mlflow.utils.request_utils"))
        # Nor a database: it would be tried again for minutes, with a page of warnings each time.
        import_module("mlflow.store.db.utils").MAX_RETRY_COUNT = 1  # type: ignore[attr-defined]
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", _wait_less, retval=True)
    for name, level in (("mlflow", logging.WARNING), ("alembic", logging.WARNING), ("urllib3", logging.ERROR)):
        logging.getLogger(name).setLevel(level)
    logging.getLogger("mlflow.store.db").setLevel(logging.CRITICAL)  # it raises what it logs, with a traceback
    return module


@contextlib.contextmanager
def without_garbage() -> Iterator[None]:
    """Import much: a fifth of the time would go into looking for garbage among what is to stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # later searches need not go through it
        gc.enable()


def _bypass_proxies() -> None:
    """Let nothing that is asked of this machine go through a proxy, which would look for it on its own."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    if known != "*":
        os.environ["no_proxy"] = f"{known},{_THIS_MACHINE}" if known else _THIS_MACHINE


def _wait_less(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
    """Wait less for a lock of SQLite's than the 20 s that MLflow asks for in each session."""
    return re.sub(r"(?<=^PRAGMA busy_timeout = )\d+", str(_MAX_LOCKED_MS), statement), parameters


def _bound_answers(requests_of_mlflow: ModuleType) -> None:
    """Let no server answer for ever: MLflow would keep all that comes in memory, as long as something comes."""
    make_session = requests_of_mlflow._cached_get_request_session

    @cache
    def bounded_session(*arguments: Any, **more: Any) -> Session:
        session: Session = make_session(*arguments, **more)
        session.hooks["response"].append(_read_bounded)
        return session

    requests_of_mlflow._cached_get_request_session = bounded_session  # type: ignore[attr-defined]


def _read_bounded(answer: Response, **_: object) -> None:
    """Read an answer before anyone else does, or raise RequestException where it is too large or takes too long."""
    until, content = time.monotonic() + _ANSWER_SECONDS, bytearray()
    while part := answer.raw.read1(_PART, decode_content=True):  # what has come; `iter_content` waits for a whole part
        content += part
        if len(content) > _ANSWER_SIZE or time.monotonic() > until:
            answer.close()
            raise RequestException(f"an answer goes on after {_ANSWER_SIZE >> 20} MB or {_ANSWER_SECONDS:.0f} s")
    answer._content, answer._content_consumed = bytes(content), True  # type: ignore[attr-defined]  # as requests does


@contextlib.contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Let one process at a time make a store ready, as MLflow does not; two at once break a fresh SQLite one."""
    if path := sqlite_path(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_PATIENCE):
            yield
    elif uri.startswith("postgresql"):
        engine = mlflow().store.db.utils.create_sqlalchemy_engine(uri)
        try:
            with engine.begin() as transaction:  # its end frees the lock, however it ends
                transaction.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE:.0f}s'")
                transaction.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield
        finally:
            engine.dispose()
    else:
        yield


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises when a store fails into one error with one line."""
    try:
        yield
    except _store_errors() as error:
        kind = StoreRefusesError if getattr(error, "error_code", None) in _REFUSALS else TrackerError
        raise kind(f"tracking.uri={public(uri)}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Why a store fails, in a line: of a server that cannot be reached, what the network says."""
    cause: BaseException | None = error
    while cause is not None:
        refused = isinstance(cause, NewConnectionError)  # it counts as one whose time was up
        if isinstance(cause, ReadTimeoutError | ConnectTimeoutError) and not refused:
            return f"did not answer within {os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT']} s"
        if isinstance(cause, ConnectionError | gaierror) and cause.strerror:
            return f"cannot be reached: {cause.strerror}"
        if driver_error := getattr(cause, "orig", None):  # SQLAlchemy's own words come first, and help nobody
            return in_a_line(driver_error)
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
    return _refusal(error)


def _refusal(error: BaseException) -> str:
    """What a store that was reached says."""
    if answer := _NO_MLFLOW.match(str(error)):
        return f"answers, but not as an MLflow server ({answer[1] or 200}); is the address right?"
    if answer := _SERVER_ERROR.search(str(error)):
        return f"failed with {answer[1]}; the server's log says why"
    if (schema := _SCHEMA.search(str(error))) and not _knows_schema(schema[1] or schema[2]):
        installed = f"the {mlflow().__version__} that is installed"
        return f"was made by a newer MLflow than {installed}; install a newer one, or use another store"
    return in_a_line(error)


def _knows_schema(revision: str) -> bool:
    """Whether the MLflow that is installed has made such tables itself, or can bring them up to date."""
    return any(Path(mlflow().store.__file__).parent.glob(f"db_migrations/versions/{revision}_*.py"))


def in_a_line(error: BaseException) -> str:
    """What happened, as it may be shown: a server's own words are in it, of any length and kind, and addresses."""
    first_line = (str(error).strip() or type(error).__name__)[:_READ].splitlines()[0]
    return "".join(sign if sign.isprintable() else "?" for sign in public(first_line)[:_SHOWN])


@cache
def _store_errors() -> tuple[type[Exception], ...]:
    """What a store raises when it cannot be reached or used."""
    return (
        mlflow().exceptions.MlflowException,
        import_module("sqlalchemy.exc").SQLAlchemyError,
        import_module("alembic.util").CommandError,
        import_module("google.protobuf.json_format").Error,  # a server's answer says something else than MLflow's would
        sqlite3.Error,
        RequestException,
        OSError,
        ImportError,  # a database's driver is not installed
    )
