"""A file of a run as its store keeps it. A server says where it is, and only what it serves itself is taken from it:
a server that names a folder of this machine, another host or a way out of its own folder is answered by nothing.
Nor is anything written into a folder of this machine that a server elsewhere names.
"""

import sqlite3
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import url2pathname

from experiments.store.client import ArtifactError, Client, in_a_line, mlflow
from experiments.store.uri import is_server, public, sqlite_path
from experiments.untrusted import JSON_SIZE, RefusedError, read_bounded

_SERVED = "/api/2.0/mlflow-artifacts/artifacts"
# Not sftp and ftp: their host may be this one, which a key of the user opens.
_OBJECT_STORES = ("s3", "gs", "wasbs", "abfss", "hdfs", "dbfs")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_artifact(client: Client, uri: str, location: str, name: str) -> bytes | None:
    """Read a file among the artifacts of a run; None if there is none that this machine may and can read.

    Args:
        client: of the store at `uri`.
        uri: of the store.
        location: where the run's artifacts are, as the store says.
        name: of the file, chosen here and not by the store.
    """
    if is_server(uri):
        path = served_path(location)
        return None if path is None else _download(client, f"{path}/{name}")
    folder = local_folder(location)
    try:
        return None if folder is None else read_bounded(folder / name, JSON_SIZE)
    except (OSError, RefusedError):
        return None


def write_artifact(uri: str, location: str, file: Path) -> None:
    """Add a file to the artifacts of a run, at the location that the store says.

    Raises:
        ArtifactError: it could not be stored there; the file itself is where it was.
    """
    folder, is_elsewhere = local_folder(location), is_server(uri) and urlsplit(uri).hostname not in _LOOPBACK
    if is_elsewhere and not is_kept_elsewhere(location):
        raise ArtifactError(f"{public(uri)} keeps files at {public(location)}, which this machine may not write to")
    if folder is not None and not (sqlite_path(uri) or is_server(uri)) and not folder.parents[1].is_dir():
        raise ArtifactError(f"{public(uri)} keeps files in {folder.parents[1]}, which is not on this machine")
    repository = mlflow().store.artifact.artifact_repository_registry.get_artifact_repository
    try:
        repository(location, tracking_uri=uri).log_artifact(str(file))
    except Exception as error:  # of any object store's own client, which MLflow does not translate
        raise ArtifactError(f"{public(location)}: {in_a_line(error)}") from error


def mend_locations(database: Path) -> None:
    """Have a store that was moved with its outputs folder find its artifacts: they lie in the folder beside it.

    MLflow's client changes no location, so this writes to two of its tables; a test fails when they change.
    """
    here = database.parent / "artifacts"
    new = here.absolute().as_uri()
    with closing(sqlite3.connect(database)) as tables, tables:
        for experiment, old in tables.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall():
            folder = local_folder(old or "")
            if folder is not None and folder.name == here.name and here.is_dir() and not folder.is_dir():
                named = {"new": new, "old": old, "experiment": experiment}
                tables.execute(
                    "UPDATE experiments SET artifact_location = :new WHERE experiment_id = :experiment", named
                )
                tables.execute(
                    "UPDATE runs SET artifact_uri = :new || substr(artifact_uri, length(:old) + 1) "
                    "WHERE experiment_id = :experiment AND substr(artifact_uri, 1, length(:old) + 1) = :old || '/'",
                    named,
                )


def is_kept_elsewhere(location: str) -> bool:
    """Whether a tracking server keeps what is written there, or an object store.

    >>> is_kept_elsewhere("mlflow-artifacts:/1/ab12/artifacts"), is_kept_elsewhere("s3://bucket/1")
    (True, True)
    >>> is_kept_elsewhere("file://host/srv"), is_kept_elsewhere("../srv")
    (False, False)
    """
    parts = _parts(location)
    is_named = bool(parts.netloc) or parts.scheme == "dbfs"
    in_object_store = parts.scheme in _OBJECT_STORES and is_named and ".." not in unquote(parts.path).split("/")
    return in_object_store or served_path(location) is not None


def served_path(location: str) -> str | None:
    """Where a tracking server serves a run's artifacts itself; None if it says that they lie somewhere else.

    >>> served_path("mlflow-artifacts:/1/ab12/artifacts")
    '1/ab12/artifacts'
    >>> served_path("file:///etc"), served_path("mlflow-artifacts:/../../etc"), served_path("s3://bucket/1")
    (None, None, None)
    """
    parts = _parts(location)
    segments = unquote(parts.path).strip("/").split("/")
    if parts.scheme != "mlflow-artifacts" or parts.netloc or {"", ".", ".."} & set(segments):
        return None
    return "/".join(segments)


def local_folder(location: str) -> Path | None:
    """The folder of this machine that a database names; None if it names none.

    >>> local_folder("file:///srv/artifacts/1"), local_folder("/srv/artifacts/1"), local_folder("s3://bucket/1")
    (PosixPath('/srv/artifacts/1'), PosixPath('/srv/artifacts/1'), None)
    """
    parts = _parts(location)
    if parts.scheme not in ("", "file") or parts.netloc:
        return None
    path = Path(url2pathname(parts.path) if parts.scheme else location)
    return path if path.is_absolute() else None


def _parts(location: str) -> SplitResult:
    """The parts of an address; of one that is none, empty ones."""
    try:
        return urlsplit(location)
    except ValueError:
        return urlsplit("")


def _download(client: Client, path: str) -> bytes | None:
    """Ask the tracking server itself; how much it may answer, and how long, is bounded for all its answers."""
    credentials = client._tracking_client.store.get_host_creds()
    answer = mlflow().utils.rest_utils.http_request(
        credentials, f"{_SERVED}/{quote(path)}", "GET", allow_redirects=False, raise_on_status=False
    )
    return bytes(answer.content) if answer.status_code == HTTPStatus.OK else None
