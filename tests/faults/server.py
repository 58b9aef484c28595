"""A real tracking server of MLflow's, in processes of its own on the loopback, which can be stopped and stalled."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests

from tests.end_to_end.conftest import PATIENCE
from tests.end_to_end.sweeps import family
from tests.end_to_end.test_ui import free_port

_QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # else there are a dozen processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}


class Server:
    """A server with a database and artifacts of its own.

    Args:
        folder: for both.
        database: in it; one with MLflow's tables already, which take seconds to make.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self.port = free_port()
        self.database = database
        self.artifacts = folder / "artifacts"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, if it isn't there; it answers after some seconds."""
        if self._process is None:
            self._process = self._begun()
        self._signal(signal.SIGCONT)

    def start(self) -> None:
        """The same, and wait until it answers."""
        self.begin()
        assert self._process is not None
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < until, self._log.read_text()
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End all its processes, by SIGTERM or SIGKILL."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._signal(signal.SIGKILL)  # whoever is left
        self._process.wait()
        self._process = None

    def stall(self) -> None:
        """Leave connections open and answer none, until it is started again."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in family(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _begun(self) -> "subprocess.Popen[bytes]":
        words = ["server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        words += ["--backend-store-uri", f"sqlite:///{self.database}", "--artifacts-destination", str(self.artifacts)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words],
                cwd=self._log.parent,
                env={**os.environ, **_QUIET},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        with requests.Session() as session, suppress(requests.RequestException):
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{self.port}/health", timeout=1).ok
        return False
