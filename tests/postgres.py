"""A PostgreSQL server of the tests' own, as Debian installs it; without one, tests that need it are skipped."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _run(*words: str | Path) -> None:
    """Run a program of PostgreSQL's, which refuses to be root."""
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run([_PROGRAMS[-1] / words[0], *words[1:]], check=True, stdout=subprocess.DEVNULL, cwd="/", **user)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server that listens on this machine only, without a database: `postgresql://host:port`."""
    if not _PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # pytest's own folders are closed to other users
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        data = folder / "data"
        _run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
        listening = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        _run("pg_ctl", "start", "--wait", "-D", data, "-o", listening, "-l", folder / "log")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            _run("pg_ctl", "stop", "--wait", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def new_database(postgres: str) -> Callable[[], str]:
    """Makes an empty database and returns its address, as MLflow takes it."""
    numbers = count()

    def make() -> str:
        with psycopg.connect(f"{postgres}/postgres", autocommit=True) as server:
            name = f"mlflow{next(numbers)}"
            server.execute(f"DROP DATABASE IF EXISTS {name}".encode())
            server.execute(f"CREATE DATABASE {name}".encode())
            return f"{postgres}/{name}"

    return make
