"""A tracking server that means ill gets nothing written, nothing read but its own, and no end of memory or time.

Against MLflow's real client: what it would do by itself is part of what is tested.
"""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from experiments.comparison.experiment_frames import epochs_by_run
from experiments.store import client as own_client
from experiments.store.artifacts import write_artifact
from experiments.store.client import ArtifactError, TrackerError, mlflow
from experiments.store.links import links
from experiments.store.store import Store
from tests.faults.proxy import Proxy

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
RUN_ID = "ab" * 16
NAME = "environment.json"
OWN = f"{FILES}/1/{RUN_ID}/{NAME}"


class HostileServer(Proxy):
    """Answers the paths in `answers`: with JSON, or as a function says. 404 for others; notes all in `asked`."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.heard: list[dict[str, str]] = []
        super().__init__(0)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.heard.append(dict(request.headers))
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        answer = self.answers.get(urlsplit(request.path).path, partial(say, code=404))
        answer(request) if callable(answer) else say(request, json.dumps(answer).encode())


def say(request: BaseHTTPRequestHandler, body: bytes = b"", code: int = 200, **headers: object) -> None:
    """Answer; a header's name has _ for -."""
    request.send_response(code)
    for name, text in {"Content_Length": len(body), **headers}.items():
        request.send_header(name.replace("_", "-"), str(text))
    request.end_headers()
    request.wfile.write(body)


def endless(request: BaseHTTPRequestHandler, part: bytes = bytes(1 << 16), pause: float = 0) -> None:
    """Answer with a body that never ends."""
    request.send_response(200)
    request.end_headers()
    try:
        while not threading.Event().wait(pause):
            request.wfile.write(part)
    except OSError:  # nobody listens any more
        request.close_connection = True


def redirected(target: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return partial(say, code=302, Location=target)


def run(**changes: Any) -> dict[str, Any]:
    """A run as MLflow's server writes it; tags, params and metrics by name."""
    info = {"run_id": RUN_ID, "run_name": "n", "experiment_id": "1", "status": "FINISHED", "start_time": 1000}
    info |= {"lifecycle_stage": "active", "artifact_uri": f"mlflow-artifacts:/1/{RUN_ID}"}
    info |= {key: changes.pop(key) for key in ("run_id", "artifact_uri") if key in changes}
    data = {kind: [{"key": key, "value": value} for key, value in of.items()] for kind, of in changes.items()}
    return {"info": info, "data": data}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HostileServer]:
    """The server; whatever is written must be below folders that are looked at afterwards."""
    mlflow()  # its settings are for the whole process, and would be undone after the test
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with HostileServer() as made:
        made.answers[f"{API}/runs/get"] = {"run": run()}
        yield made
    assert [path for folder in ("here", "temporary") for path in (tmp_path / folder).iterdir()] == []


def test_file_that_the_server_serves_is_read(server: HostileServer) -> None:
    server.answers[OWN] = partial(say, body=b"content")
    assert Store(server.uri).file(RUN_ID, NAME) == b"content"


def test_file_goes_to_the_server_that_serves_it(server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("content")
    server.answers[OWN] = say
    write_artifact(server.uri, run()["info"]["artifact_uri"], tmp_path / NAME)
    assert server.asked == [OWN]


@pytest.mark.parametrize(
    "location",
    [
        *("file://{}", "file://localhost{}", "file://evil{}", "file:{}", "FILE:{}", " file:{}", "file:evil", "{}"),
        *("//evil{}", "../../evil", "evil", "c:evil", "", "runs:/ab/evil", "models:/ab/1", "http://127.0.0.1:9{}"),
        *("sftp://localhost{}", "ftp:{}", "hdfs:{}", "hdfs://default/..{}", "dbfs:/../..{}", "sqlite://{}/evil.db"),
        *("mlflow-artifacts:/../../../..{}", "mlflow-artifacts:/1/%2e%2e/%2e%2e{}", "mlflow-artifacts:/"),
        *("mlflow-artifacts://127.0.0.1:9/1/ab", "mlflow-artifacts://[::1/1/ab"),
    ],
)
def test_file_is_neither_read_nor_written_where_a_server_elsewhere_says(
    location: str, server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.store.artifacts._LOOPBACK", ())
    (tmp_path / NAME).write_text("secret")
    location = location.format(tmp_path)
    server.answers[f"{API}/runs/get"] = {"run": run(artifact_uri=location)}
    assert Store(server.uri).file(RUN_ID, NAME) is None
    (tmp_path / NAME).write_text("content")
    with pytest.raises(ArtifactError, match="which this machine may not write to"):
        write_artifact(server.uri, location, tmp_path / NAME)
    assert {path.name for path in tmp_path.iterdir()} == {"here", "temporary", NAME}
    assert [path.partition("?")[0] for path in server.asked] == [f"{API}/runs/get"]


def test_file_that_never_ends_or_is_elsewhere_is_given_up(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_client, "_ANSWER_SIZE", 1 << 20)
    server.answers["/elsewhere"] = partial(say, body=b"content")
    redirections = [redirected("file:///etc/hostname"), redirected(f"{server.uri}/elsewhere")]
    answers: list[Any] = [endless, partial(say, Content_Length=10 << 30), *redirections]
    for answer in answers:
        server.answers[OWN] = answer
        assert Store(server.uri).file(RUN_ID, NAME) is None
    assert "/elsewhere" not in server.asked


PAGE = {"experiments": [{"experiment_id": "1", "name": "cnn"}], "next_page_token": "again"}
GARBAGE = (b"{", b"null", b"\xff", b"<html>", b"[" * 100_000, b"\x1b]0;owned\x07")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (endless, "an answer goes on after 1 MB"),
        (partial(endless, part=b" ", pause=0.02), "or 0 s"),
        (partial(say, code=503, Retry_After=3600), "503"),
        (redirected("file:///etc/hostname"), "tracking.uri"),
        (PAGE, "the search does not end"),
        *((partial(say, body=body), "tracking.uri") for body in GARBAGE),
        ({"experiments": [3]}, "tracking.uri"),
        ({"experiments": [{"creation_time": "x"}]}, "tracking.uri"),
    ],
)
def test_answer_that_is_none_is_an_error_in_a_line(
    answer: object, said: str, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_client, "_ANSWER_SIZE", 1 << 20)
    monkeypatch.setattr(own_client, "_ANSWER_SECONDS", 0.1)
    server.answers[f"{API}/experiments/search"] = answer
    with pytest.raises(TrackerError, match=said) as caught:
        Store(server.uri).experiments()
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    assert len(server.asked) <= 2


def test_search_that_finds_no_end_is_an_error(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.store.store._PAGES", 5)

    def next_page(request: BaseHTTPRequestHandler) -> None:
        say(request, b'{"runs": [], "next_page_token": "%d"}' % len(server.asked))

    server.answers[f"{API}/runs/search"] = next_page
    with pytest.raises(TrackerError, match="the search does not end"):
        list(Store(server.uri).search("", ["1"]))
    assert len(server.asked) == 5


@pytest.mark.parametrize("code", [200, 404, 501, 502])
def test_server_that_is_none_of_mlflows_is_said_to_be_that_unless_a_gateway_answers(
    code: int, server: HostileServer
) -> None:
    server.answers[f"{API}/experiments/search"] = partial(say, body=b"<html>\n<h1>my page", code=code)
    with pytest.raises(TrackerError) as caught:
        Store(server.uri).experiments()
    said = f"answers, but not as an MLflow server ({code}); is the address right?"
    assert (str(caught.value) == f"tracking.uri={server.uri}: {said}") == (code != 502)


@pytest.mark.parametrize("run_id", ["ab\x1b[31m", "ab\nrun", "", "../ab", "a" * 65, "ab'"])
def test_run_with_an_id_that_is_none_is_an_error_in_a_line(run_id: str, server: HostileServer) -> None:
    found = run(run_id=run_id)
    server.answers |= {f"{API}/runs/search": {"runs": [found]}, f"{API}/runs/create": {"run": found}}
    store = Store(server.uri)
    for ask in (lambda: list(store.search("", ["1"])), lambda: store.create("1", "n", {}, 1), lambda: store.find("1")):
        with pytest.raises(TrackerError, match="which is no id of MLflow's") as caught:
            ask()
        assert str(caught.value).isprintable()


def test_address_has_nothing_that_commands_a_terminal(server: HostileServer) -> None:
    server.answers[f"{API}/experiments/search"] = {"experiments": [{"experiment_id": "1\x1b[31m", "name": "cnn"}]}
    server.answers[f"{API}/runs/search"] = {"runs": [run()]}
    pages = list(links(Store(server.uri)).values())
    assert len(pages) == 2
    assert all(page.isprintable() for page in pages)


def test_hundred_thousand_tags_and_values_that_are_no_metrics_do_no_harm(server: HostileServer) -> None:
    history = [{"key": "a", "value": value, "timestamp": 1, "step": 1} for value in ("NaN", "Infinity", 1e300)]
    server.answers[f"{API}/metrics/get-history"] = {"metrics": history}
    tags = {f"tag{number}": "x" * 100 for number in range(100_000)}
    server.answers[f"{API}/runs/search"] = {"runs": [run(metrics={"a": 1.0}, tags=tags)]}
    store = Store(server.uri)
    runs = list(store.search("", ["1"]))
    assert len(runs[0].tags) == 100_000
    assert set(epochs_by_run(store, runs)[RUN_ID]) == {1}


def test_password_is_told_to_the_server_and_to_nobody_else(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HostileServer() as other:
        elsewhere = redirected(f"{other.uri.replace('127.0.0.1', 'localhost')}/x")
        server.answers[f"{API}/experiments/search"] = elsewhere
        with pytest.raises(TrackerError) as caught:
            Store(server.uri.replace("//", "//user:secret@")).experiments()
    assert "secret" not in str(caught.value)
    assert "Authorization" in server.heard[0]
    assert not [headers for headers in other.heard if "Authorization" in headers]
