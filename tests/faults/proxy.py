"""What stands between a client and a server, and lets through what it likes.

It forwards one request a connection. Faults in which the server does what it was asked, and the client never learns of
it, are the ones that make duplicates.
"""

import threading
from enum import Enum
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_FORWARDED_HEADERS = ("Content-Type",)
_SLOW = 3.0  # seconds


class Mode(Enum):
    """What becomes of a request."""

    FORWARD = "answered"
    REFUSE = "refused"  # nobody listens
    ERROR = "answered with 500"
    HANG = "never answered"  # until the mode changes; the server does not hear of it
    SLOW = f"answered after {_SLOW:.0f} s"
    CUT = "done, and the answer cut in the middle"
    SILENT = "done, and the connection closed without an answer"
    GARBAGE = "done, and answered with something that is no JSON"


class Proxy:
    """Listens on a port of its own on the loopback.

    Args:
        port: the server's.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.requests: list[tuple[str, str, Mode]] = []
        self._mode = Mode.FORWARD
        self._changed = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread = threading.Thread()
        self._listen(0)

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def mode(self) -> Mode:
        """What becomes of requests now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        before, self._mode = self._mode, mode
        changed, self._changed = self._changed, threading.Event()
        changed.set()
        if mode is Mode.REFUSE and before is not Mode.REFUSE:
            self._stop_listening()
        elif mode is not Mode.REFUSE and before is Mode.REFUSE:
            self._listen(self._port)

    def close(self) -> None:
        """Stop."""
        self.mode = Mode.REFUSE

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Deal with one request as the mode says."""
        mode, changed = self._mode, self._changed
        self.requests.append((request.command, request.path, mode))
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        match mode:
            case Mode.ERROR:
                _send(request, 500, b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}')
                return
            case Mode.HANG:
                changed.wait()
                return
            case Mode.SLOW:
                changed.wait(_SLOW)
        try:
            status, content, headers = self._forwarded(request, body)
        except (OSError, HTTPException):
            _send(request, 502, b"the server behind the proxy is away")
            return
        match mode:
            case Mode.SILENT:
                return
            case Mode.GARBAGE:
                content = b"<html>\x00\xff it works </html>"
            case Mode.CUT:
                _send(request, status, content[: len(content) // 2], headers, announced=len(content) + 1)
                return
        _send(request, status, content, headers)

    def _forwarded(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.target, timeout=60)
        try:
            headers = {key: value for key, value in request.headers.items() if key.lower() != "host"}
            connection.request(request.command, request.path, body, headers | {"Connection": "close"})
            answer: HTTPResponse = connection.getresponse()
            kept = {key: value for key in _FORWARDED_HEADERS if (value := answer.headers.get(key))}
            return answer.status, answer.read(), kept
        finally:
            connection.close()

    def _listen(self, port: int) -> None:
        server = self._server = _Listener(("127.0.0.1", port), _handler(self))
        self._port = int(server.server_port)
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a request may be one that is never answered
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that give up are the point."""


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            proxy.answer(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815  # what http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    return Handler


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    headers: dict[str, str] | None = None,
    *,
    announced: int | None = None,
) -> None:
    request.send_response(status)
    for key, value in (headers or {}).items():
        request.send_header(key, value)
    request.send_header("Content-Length", str(len(content) if announced is None else announced))
    request.end_headers()
    request.wfile.write(content)
