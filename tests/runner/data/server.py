"""A web server on this machine's loopback that serves what it is told to, faults included."""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Mirror:
    """Answers the paths in `answers`, 404 for others; counts what was asked for in `asked`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()  # ends what stalls
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, path: str, body: bytes, *, announced: int | None = None) -> str:
        """Serves `body`, under a Content-Length of `announced` bytes if that is given."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(body) if announced is None else announced))
            request.end_headers()
            request.wfile.write(body)

        self.answers[path] = answer
        return self.url(path)

    def stall(self, path: str, *, after: bytes | None = None) -> str:
        """Goes silent: before the first byte, or after headers that promise more than `after`."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            if after is not None:
                request.send_response(200)
                request.send_header("Content-Length", str(len(after) + 1))
                request.end_headers()
                request.wfile.write(after)
            self.released.wait()

        self.answers[path] = answer
        return self.url(path)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked[self.path] += 1
                if self.path in mirror.answers:
                    mirror.answers[self.path](self)
                else:
                    self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        return Handler
