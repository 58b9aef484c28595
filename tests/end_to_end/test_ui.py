"""The UI is really there when its links are printed, and gone when it is told to end."""

import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.end_to_end.conftest import PATIENCE, Begin, read_until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def commands_of_all_processes() -> list[str]:
    """What runs on this machine, as Linux's /proc tells it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may have ended meanwhile
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_server_answers_this_machine_by_its_own_names_only_whatever_the_surroundings_say(
    begin_command: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2")
    for name in ("MLFLOW_HOST", "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "UVICORN_HOST"):
        monkeypatch.setenv(name, "0.0.0.0" if name.endswith("HOST") else "*")
    monkeypatch.setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "true")
    command = begin_command("ui", "--port", str(free_port()))
    _, link = read_until(command.process.stdout, "  http")
    address = link.strip().partition("/#")[0]
    port = address.rpartition(":")[2]
    assert requests.get(address, timeout=10).status_code == 200
    assert requests.get(address, headers={"Host": f"localhost:{port}"}, timeout=10).status_code == 200
    for name in ("evil.example", f"evil.example:{port}", "10.evil.example", f"127.0.0.1.evil.example:{port}"):
        assert requests.get(address, headers={"Host": name}, timeout=10).status_code == 403, name
    search = f"{address}/api/2.0/mlflow/experiments/search"
    asked_by_a_page = requests.post(search, json={}, headers={"Origin": "https://evil.example"}, timeout=10)
    assert asked_by_a_page.status_code == 403
    with pytest.raises(requests.ConnectionError):  # this machine as well, by another of its addresses
        requests.get(f"http://127.0.0.2:{port}", timeout=10)
    assert not [line for line in commands_of_all_processes() if f"{command.outputs}/mlflow.db" in line]


def test_server_answers_when_its_links_are_printed_and_leaves_no_process(
    begin_command: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    process = begin_command("ui", "--port", str(free_port())).process
    title, link = read_until(process.stdout, "  http")
    assert title == "experiment cnn"
    address = re.fullmatch(r"  (http://127\.0\.0\.1:\d+)/#/experiments/\d+\?workflowType=machine_learning", link)
    assert address is not None
    port = address[1].rpartition(":")[2]
    assert requests.get(f"{address[1]}/health", timeout=10).status_code == 200
    experiment = f"{address[1]}/api/2.0/mlflow/experiments/get-by-name"
    found = requests.get(experiment, {"experiment_name": "cnn"}, timeout=10)
    assert found.json()["experiment"]["name"] == "cnn"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address[1]}/health", timeout=10)
    assert not [command for command in commands_of_all_processes() if f"--port {port}" in command]
