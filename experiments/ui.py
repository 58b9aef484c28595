"""`python -m experiments.ui`: MLflow's UI over the project's own store, and the links worth opening.

The server listens on this machine only.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import requests

from experiments.command_line import carried_out, parser, tracking_uri
from experiments.errors import UserError
from experiments.recorders.links import links, server_address
from experiments.recorders.mlflow_client import SETTINGS
from experiments.recorders.settling import settle_pending
from experiments.recorders.store import Store
from experiments.recorders.uri import is_server
from experiments.terminal import stderr, stdout

_HOST = "127.0.0.1"
_PATIENCE = 300.0  # seconds for the server to answer; a busy machine may take more than one minute


def main(words: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    arguments = parser(
        "ui",
        "Open MLflow's UI over the runs of this project. Ctrl-C ends it.",
        "python -m experiments.ui --port 5001",
    )
    arguments.add_argument("--port", type=int, default=5000, help="where the server listens (default: 5000)")
    chosen = arguments.parse_args(words)
    return carried_out(lambda: _serve(tracking_uri(chosen), chosen.outputs_dir, chosen.port))


def _serve(uri: str, outputs_dir: Path, port: int) -> None:
    store = Store(uri)
    if store.is_missing():
        raise UserError(f"{uri}: there is no store yet; python -m experiments.train makes one")
    settle_pending(uri, outputs_dir)
    pages = links(store)
    if is_server(uri):
        _print_links(server_address(uri), pages)
        return
    _refuse_taken(port)
    log = Path(tempfile.gettempdir()) / f"mlflow-ui-{os.getpid()}.log"
    with log.open("w") as sink:
        # A session of its own, so that the workers of the server can be ended with it.
        server = subprocess.Popen(
            _command(uri, port), env={**os.environ, **SETTINGS}, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        address = f"http://{_HOST}:{port}"
        _await(address, server, log)
        _print_links(address, pages)
        stderr.print("Ctrl-C ends the server.", highlight=False)
        raise UserError(f"MLflow's server ended with exit code {server.wait()}; see {log}")
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _command(uri: str, port: int) -> Sequence[str]:
    server = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    return [*server, "--host", _HOST, "--port", str(port), "--workers", "1"]


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: {error}; choose another, e.g. --port {port + 1}") from error


def _await(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE:
        if server.poll() is not None:
            raise UserError(f"MLflow's server ended with exit code {server.returncode}; see {log}")
        try:
            requests.get(f"{address}/health", timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)  # it is still starting
        else:
            return
    raise UserError(f"MLflow's server did not answer at {address} within {_PATIENCE:.0f} s; see {log}")


def _print_links(address: str, pages: dict[str, str]) -> None:
    for title, page in pages.items():
        stdout.print(f"{title}\n  {address}/{page}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
