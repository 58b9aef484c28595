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
