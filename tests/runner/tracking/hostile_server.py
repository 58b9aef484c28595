"""A tracking server that means ill: it answers MLflow's client, with whatever a test puts in the place of an answer."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"

Answer = Callable[[BaseHTTPRequestHandler], None]


def run(**changes: Any) -> dict[str, Any]:
    """A run as MLflow's server writes it; tags, params and metrics by name."""
    info = {"run_id": "ab" * 16, "run_name": "n", "experiment_id": "1", "status": "FINISHED", "start_time": 1000}
    info |= {
        "lifecycle_stage": "active",
        "artifact_uri": changes.pop("artifact_uri", f"mlflow-artifacts:/1/{'ab' * 16}"),
    }
    data = {kind: [{"key": key, "value": value} for key, value in of.items()] for kind, of in changes.items()}
    return {"info": info, "data": data}


class HostileServer:
    """Answers the paths in `answers`: with JSON, or as a function says. 404 for others; notes all in `asked`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | dict[str, Any]] = {}
        self.asked: list[str] = []
        self.heard: list[dict[str, str]] = []
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.uri = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.heard.append(dict(self.headers))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = server.answers.get(urlsplit(self.path).path)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    answer(self)
                else:
                    say(self, json.dumps(answer).encode())

            do_POST = do_PUT = do_GET  # noqa: N815  # as the base class calls it

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        return Handler


def say(request: BaseHTTPRequestHandler, body: bytes, *, announced: int | None = None, code: int = 200) -> None:
    """Answer with a body, under a Content-Length of `announced` bytes if that is given."""
    request.send_response(code)
    request.send_header("Content-Length", str(len(body) if announced is None else announced))
    request.end_headers()
    request.wfile.write(body)


def endless(request: BaseHTTPRequestHandler) -> None:
    """Answer with a body that never ends."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(bytes(1 << 16))
    except OSError:  # nobody listens any more
        request.close_connection = True


def redirected(target: str) -> Answer:
    """Send whoever asks somewhere else."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer
