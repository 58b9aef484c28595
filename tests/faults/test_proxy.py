"""The proxy does to requests what it says."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.faults.proxy import Mode, Proxy


class Counter(BaseHTTPRequestHandler):
    """Answers with what it was sent, and counts."""

    heard: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(body.decode())
        content = json.dumps({"heard": body.decode(), "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def proxy(heard: list[str]) -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Counting", (Counter,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with Proxy(int(server.server_port)) as between:
        yield between
    server.shutdown()
    server.server_close()
    thread.join()


def post(proxy: Proxy, timeout: float = 30) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{proxy.uri}/a?b=c", data="x", timeout=timeout)


def test_request_is_forwarded(proxy: Proxy) -> None:
    assert post(proxy).json() == {"heard": "x", "path": "/a?b=c"}


def test_refused_connection_is_taken_again_on_the_same_port(proxy: Proxy, heard: list[str]) -> None:
    uri = proxy.uri
    proxy.mode = Mode.REFUSE
    with pytest.raises(requests.ConnectionError, match="refused"):
        post(proxy)
    assert heard == []
    proxy.mode = Mode.FORWARD
    assert proxy.uri == uri
    assert post(proxy).ok


def test_error_is_answered_without_asking_the_server(proxy: Proxy, heard: list[str]) -> None:
    proxy.mode = Mode.ERROR
    assert post(proxy).status_code == 500
    assert heard == []


def test_hanging_request_ends_with_the_mode(proxy: Proxy, heard: list[str]) -> None:
    proxy.mode = Mode.HANG
    with pytest.raises(requests.ReadTimeout):
        post(proxy, timeout=0.1)
    assert heard == []
    timer = threading.Timer(0.1, lambda: setattr(proxy, "mode", Mode.FORWARD))
    timer.start()
    with pytest.raises(requests.ConnectionError):
        post(proxy)
    timer.join()
    assert post(proxy).ok


def test_slow_answer_comes(proxy: Proxy) -> None:
    proxy.mode = Mode.SLOW
    timer = threading.Timer(0.2, lambda: setattr(proxy, "mode", Mode.FORWARD))
    timer.start()
    began = time.monotonic()
    assert post(proxy).ok
    assert time.monotonic() - began > 0.15
    timer.join()


@pytest.mark.parametrize("mode", [Mode.CUT, Mode.SILENT])
def test_answer_is_lost_but_what_was_asked_is_done(mode: Mode, proxy: Proxy, heard: list[str]) -> None:
    proxy.mode = mode
    with pytest.raises(requests.RequestException):
        post(proxy)
    assert heard == ["x"]


def test_garbage_is_no_json(proxy: Proxy, heard: list[str]) -> None:
    proxy.mode = Mode.GARBAGE
    with pytest.raises(ValueError, match="Expecting value"):
        post(proxy).json()
    assert heard == ["x"]


def test_server_that_is_away_is_said_to_be(proxy: Proxy) -> None:
    proxy.target = 9  # nobody listens there
    assert post(proxy).status_code == 502
