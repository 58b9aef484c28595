"""`python -m experiments.ui`: MLflow's UI over the project's own store, and the links worth opening.

The server listens on this machine only, unless told otherwise: MLflow asks nobody for a password.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import requests

from experiments.command_line import carried_out, parser, tracking_uri
from experiments.errors import UserError
from experiments.interruption import undisturbed
from experiments.store.client import SETTINGS
from experiments.store.links import links, server_address
from experiments.store.store import Store
from experiments.store.uri import is_server
from experiments.terminal import stderr, stdout
from experiments.tracking.publisher import publish_outbox
from experiments.untrusted import printable

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # a question, not a wish
# How the server listens is said on its command line; variables that say it as well are kept from it.
_SAY_HOW = ("MLFLOW_", "_MLFLOW_", "UVICORN_", "GUNICORN_")
_SAY_WHERE_FILES_ARE = ("MLFLOW_S3_", "MLFLOW_SQLALCHEMYSTORE_")
_END_PATIENCE = 10.0  # seconds for it to end what it is at
_PATIENCE = 300.0  # seconds for the server to answer; a busy machine may take more than one minute


def main(words: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    arguments = parser(
        "ui",
        "Open MLflow's UI over the runs of this project. Ctrl-C ends it.",
        "python -m experiments.ui --port 5001",
    )
    arguments.add_argument("--port", type=int, default=5000, help="where the server listens (default: 5000)")
    arguments.add_argument(
        "--host", default=_LOOPBACK, help="at which of its addresses (default: for this machine only)"
    )
    chosen = arguments.parse_args(words)
    return carried_out(lambda: _serve(tracking_uri(chosen), chosen.outputs_dir, chosen.host, chosen.port))


def _serve(uri: str, outputs_dir: Path, host: str, port: int) -> None:
    store = Store(uri)
    if store.is_missing():
        raise UserError(f"{store.key}: there is no store yet; python -m experiments.train makes one")
    publish_outbox(uri, outputs_dir)
    pages = links(store)
    if is_server(uri):
        _print_links(server_address(uri), pages)
        return
    _refuse_taken(host, port)
    if not _is_loopback(host):
        stderr.print(f"--host {host}: whoever reaches this machine there can read, change and delete all runs",
                     style="yellow", markup=False, highlight=False)  # fmt: skip
    with _server(host, port, uri) as (server, log), suppress(KeyboardInterrupt):  # the way to end it
        _await(f"http://{_LOOPBACK if host in _EVERYWHERE else _in_url(host)}:{port}", server, log)
        address = f"http://{socket.gethostname() if host in _EVERYWHERE else _in_url(host)}:{port}"
        _print_links(address, pages)
        stderr.print("Ctrl-C ends the server.", highlight=False)
        raise UserError(f"MLflow's server ended with exit code {server.wait()}; see {log}")


@contextmanager
def _server(host: str, port: int, uri: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """MLflow's server and its log; at the end, whichever and however often that is asked for, it is gone."""
    with tempfile.NamedTemporaryFile("w", prefix="mlflow-ui-", suffix=".log", delete=False) as sink:
        command, variables = _command(host, port), _environment(uri)
        server = None
        try:
            with undisturbed():
                # A session of its own, so that the workers of the server can be ended with it.
                server = subprocess.Popen(command, env=variables, stdout=sink, stderr=sink, start_new_session=True)
            yield server, Path(sink.name)
        finally:
            if server is not None:
                with undisturbed():
                    _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and its workers, in order if they will."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _command(host: str, port: int) -> Sequence[str]:
    """MLflow's server. Everybody on the machine can read this line, so the store, and its password, is not in it.

    A page that a browser has open may give its name our address (DNS rebinding): names that are not ours are refused.
    """
    server = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    return [*server, "--allowed-hosts", ",".join(f"{name}:*" for name in _names(host))]


def _environment(uri: str) -> dict[str, str]:
    """The variables of the server: where the store is, and of those that say how to listen none."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_SAY_HOW) or key.startswith(_SAY_WHERE_FILES_ARE)
    }
    return {**kept, **SETTINGS, "MLFLOW_BACKEND_STORE_URI": uri}


def _names(host: str) -> list[str]:
    """By which names a browser may call the server."""
    if _is_loopback(host):
        return ["localhost", _LOOPBACK, _in_url(host)]
    own = socket.gethostname()
    addresses = [str(address[0]) for *_, address in socket.getaddrinfo(own, None)] if host in _EVERYWHERE else []
    return ["localhost", _LOOPBACK, own, _in_url(host), *map(_in_url, addresses)]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise UserError(f"--host {host}: {error.strerror}; give an address of this machine") from error
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: {error}; choose another, e.g. --port {port + 1}") from error


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    begun = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # a proxy would look for the server on its own machine
        while time.monotonic() - begun < _PATIENCE:
            if server.poll() is not None:
                raise UserError(f"MLflow's server ended with exit code {server.returncode}; see {log}")
            try:
                session.get(f"{address}/health", timeout=1).raise_for_status()
            except requests.RequestException:
                time.sleep(0.2)  # it is still starting
            else:
                return
    raise UserError(f"MLflow's server did not answer at {address} within {_PATIENCE:.0f} s; see {log}")


def _print_links(address: str, pages: dict[str, str]) -> None:
    for title, page in pages.items():
        stdout.print(f"{printable(title)}\n  {address}/{page}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
