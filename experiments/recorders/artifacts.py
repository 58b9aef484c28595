"""A file of a run as its store keeps it. A server says where it is, and only what it serves itself is taken from it:
a server that names a folder of this machine, another host or a way out of its own folder is answered by nothing.
"""

from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

from experiments.recorders.mlflow_client import Client, mlflow
from experiments.recorders.uri import is_server
from experiments.untrusted import JSON_SIZE, RefusedError, read_bounded

_SERVED = "/api/2.0/mlflow-artifacts/artifacts"


def read_artifact(client: Client, uri: str, run_id: str, name: str) -> bytes | None:
    """Read a file among the artifacts of a run; None if there is none that this machine may and can read.

    Args:
        client: of the store.
        uri: of the store.
        run_id: of the run, as the store calls it.
        name: of the file, chosen here and not by the store.
    """
    location = str(client.get_run(run_id).info.artifact_uri)
    if is_server(uri):
        path = served_path(location)
        return None if path is None else _download(client, f"{path}/{name}")
    folder = local_folder(location)
    try:
        return None if folder is None else read_bounded(folder / name, JSON_SIZE)
    except (OSError, RefusedError):
        return None


def served_path(location: str) -> str | None:
    """Where a tracking server serves a run's artifacts itself; None if it says that they lie somewhere else.

    >>> served_path("mlflow-artifacts:/1/ab12/artifacts")
    '1/ab12/artifacts'
    >>> served_path("file:///etc"), served_path("mlflow-artifacts:/../../etc"), served_path("s3://bucket/1")
    (None, None, None)
    """
    parts = urlsplit(location)
    segments = unquote(parts.path).strip("/").split("/")
    if parts.scheme != "mlflow-artifacts" or parts.netloc or {"", ".", ".."} & set(segments):
        return None
    return "/".join(segments)


def local_folder(location: str) -> Path | None:
    """The folder of this machine that a database names; None if it names none.

    >>> local_folder("file:///srv/artifacts/1"), local_folder("/srv/artifacts/1"), local_folder("s3://bucket/1")
    (PosixPath('/srv/artifacts/1'), PosixPath('/srv/artifacts/1'), None)
    """
    parts = urlsplit(location)
    if parts.scheme not in ("", "file") or parts.netloc:
        return None
    path = Path(url2pathname(parts.path) if parts.scheme else location)
    return path if path.is_absolute() else None


def _download(client: Client, path: str) -> bytes | None:
    """Ask the tracking server itself; how much it may answer, and how long, is bounded for all its answers."""
    credentials = client._tracking_client.store.get_host_creds()
    answer = mlflow().utils.rest_utils.http_request(
        credentials, f"{_SERVED}/{quote(path)}", "GET", allow_redirects=False, raise_on_status=False
    )
    return bytes(answer.content) if answer.status_code == HTTPStatus.OK else None
