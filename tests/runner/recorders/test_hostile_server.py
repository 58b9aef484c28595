"""A tracking server that means ill gets nothing written, nothing read but its own, and no end of memory or time.

Against MLflow's real client: what it would do by itself is part of what is tested.
"""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from experiments.recorders import mlflow_client
from experiments.recorders.tracker import Tracker

from experiments.comparison.experiment_frames import epochs_by_run
from experiments.tracking.client import TrackerError, mlflow
from experiments.tracking.links import links
from experiments.tracking.store import Store
from tests.runner.recorders.hostile_server import API, FILES, HostileServer, endless, redirected, run, say

RUN_ID = "ab" * 16
NAME = "environment.json"
OWN = f"{FILES}/1/{RUN_ID}/{NAME}"


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
    made = HostileServer()
    made.answers[f"{API}/runs/get"] = {"run": run()}
    yield made
    made.close()
    assert [path for folder in ("here", "temporary") for path in (tmp_path / folder).iterdir()] == []


def test_file_that_the_server_serves_is_read(server: HostileServer) -> None:
    server.answers[OWN] = lambda request: say(request, b"content")
    assert Store(server.uri).file(RUN_ID, NAME) == b"content"


@pytest.mark.parametrize(
    "location",
    [
        "file://{}",
        "file:{}",
        "{}",
        "mlflow-artifacts:/../../../..{}",
        "mlflow-artifacts:/1/%2e%2e/%2e%2e{}",
        "mlflow-artifacts:/",
        "mlflow-artifacts://other.example/1/ab",
        "mlflow-artifacts://[::1/1/ab",
        "ftp://other.example{}",
        "http://other.example{}",
        "s3://bucket{}",
        "dbfs:{}",
        "runs:/x/y",
        "..{}",
        "",
    ],
)
def test_what_the_server_says_lies_elsewhere_is_not_read(location: str, server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("secret")
    server.answers[f"{API}/runs/get"] = {"run": run(artifact_uri=location.format(tmp_path))}
    assert Store(server.uri).file(RUN_ID, NAME) is None
    assert not [path for path in server.asked if not path.startswith(API)]
    assert (tmp_path / NAME).read_text() == "secret"


def log_file(server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upload a file to the server as if it was on another machine."""
    monkeypatch.setattr("experiments.recorders.tracker.is_elsewhere", lambda _: True)
    (tmp_path / NAME).write_text("content")
    Tracker(server.uri, "cnn", tmp_path).log_file(RUN_ID, tmp_path / NAME)


def test_file_goes_to_the_server_that_serves_it(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[OWN] = lambda request: say(request, b"")
    log_file(server, tmp_path, monkeypatch)
    assert server.asked[-1] == OWN


@pytest.mark.parametrize(
    "location",
    [
        "file://{}/evil",
        "file://localhost{}/evil",
        "file://evil{}/evil",
        "file:{}/evil",
        "FILE:{}/evil",
        " file:{}/evil",
        "file:evil",
        "{}/evil",
        "//evil{}/evil",
        "../../evil",
        "evil",
        "evil/evil",
        "c:evil",
        "",
        "runs:/ab/evil",
        "models:/ab/1",
        "http://127.0.0.1:9{}/evil",
        "sftp://localhost{}/evil",
        "ftp:{}/evil",
        "hdfs:{}/evil",
        "hdfs://default/..{}/evil",
        "dbfs:/../..{}/evil",
        "sqlite://{}/evil.db",
        "mlflow-artifacts:/../../../..{}/evil",
        "mlflow-artifacts:/1/%2e%2e/%2e%2e{}",
        "mlflow-artifacts://127.0.0.1:9/1/ab",
        "mlflow-artifacts://[::1/1/ab",
    ],
)
def test_file_is_not_written_where_a_server_elsewhere_wants_it(
    location: str,
    server: HostileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.answers[f"{API}/runs/get"] = {"run": run(artifact_uri=location.format(tmp_path))}
    log_file(server, tmp_path, monkeypatch)
    assert {path.name for path in tmp_path.iterdir()} == {"here", "temporary", NAME}
    assert not [path for path in server.asked if not path.startswith(API)]
    assert "they stay in outputs_dir" in caplog.text


def test_file_is_written_where_it_was_looked_at_though_the_server_changes_its_mind(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = run()["info"]["artifact_uri"]
    locations = iter([own, f"{tmp_path}/evil"])

    def another_each_time(request: BaseHTTPRequestHandler) -> None:
        say(request, json.dumps({"run": run(artifact_uri=next(locations))}).encode())

    server.answers[f"{API}/runs/get"] = another_each_time
    server.answers[OWN] = lambda request: say(request, b"")
    log_file(server, tmp_path, monkeypatch)
    assert server.asked[-1] == OWN
    assert not (tmp_path / "evil").exists()


def test_names_in_a_listing_are_not_even_asked_for(server: HostileServer) -> None:
    listing = {"files": [{"path": "../../evil", "is_dir": False}, {"path": "/tmp/evil", "is_dir": True}]}
    for path in (FILES, f"{API}/artifacts/list"):
        server.answers[path] = listing
    assert Store(server.uri).file(RUN_ID, NAME) is None
    assert [path.partition("?")[0] for path in server.asked] == [f"{API}/runs/get", OWN]


@pytest.mark.parametrize("target", ["file:///etc/hostname", "{}/elsewhere"])
def test_redirection_of_a_file_is_not_followed(target: str, server: HostileServer) -> None:
    server.answers[OWN] = redirected(target.format(server.uri))
    server.answers["/elsewhere"] = lambda request: say(request, b"content")
    assert Store(server.uri).file(RUN_ID, NAME) is None


def test_redirection_of_a_question_to_a_local_file_is_an_error(server: HostileServer) -> None:
    server.answers[f"{API}/runs/get"] = redirected("file:///etc/hostname")
    with pytest.raises(TrackerError):
        Store(server.uri).is_running(RUN_ID)


def test_endless_file_is_given_up(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_client, "_ANSWER_SIZE", 1 << 20)
    server.answers[OWN] = endless
    assert Store(server.uri).file(RUN_ID, NAME) is None


def test_file_that_is_announced_and_does_not_come_is_given_up(server: HostileServer) -> None:
    server.answers[OWN] = lambda request: say(request, b"content", announced=10 << 30)
    assert Store(server.uri).file(RUN_ID, NAME) is None


def test_endless_answer_to_a_question_is_an_error(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_client, "_ANSWER_SIZE", 1 << 20)
    server.answers[f"{API}/runs/get"] = endless
    with pytest.raises(TrackerError, match="an answer goes on after 1 MB"):
        Store(server.uri).is_running(RUN_ID)


def test_answer_that_trickles_is_an_error(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_client, "_ANSWER_SECONDS", 0.1)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not server.ending.wait(0.02):
            request.wfile.write(b" ")

    server.answers[f"{API}/runs/get"] = trickle
    with pytest.raises(TrackerError, match=r"or 0 s"):
        Store(server.uri).is_running(RUN_ID)


def test_server_does_not_say_how_long_it_is_waited_for(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    def later(request: BaseHTTPRequestHandler) -> None:
        request.send_response(503)
        request.send_header("Retry-After", "3600")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answers[f"{API}/runs/get"] = later
    with pytest.raises(TrackerError):
        Store(server.uri).is_running(RUN_ID)
    assert len(server.asked) == 2


def test_search_whose_pages_come_again_is_an_error(server: HostileServer) -> None:
    server.answers[f"{API}/experiments/search"] = {
        "experiments": [{"experiment_id": "1", "name": "cnn"}],
        "next_page_token": "again",
    }
    with pytest.raises(TrackerError, match="the store finds no end"):
        Store(server.uri).experiments()
    assert len(server.asked) == 2


def test_search_that_finds_no_end_is_an_error(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.tracking.store._PAGES", 5)

    def next_page(request: BaseHTTPRequestHandler) -> None:
        say(request, b'{"runs": [], "next_page_token": "%d"}' % len(server.asked))

    server.answers[f"{API}/runs/search"] = next_page
    with pytest.raises(TrackerError, match="the store finds no end"):
        list(Store(server.uri).search("", ["1"]))
    assert len(server.asked) == 5


def test_history_whose_pages_come_again_is_an_error(server: HostileServer) -> None:
    server.answers[f"{API}/metrics/get-history"] = {
        "metrics": [{"key": "train/loss", "value": 1.0, "timestamp": 1, "step": 1}],
        "next_page_token": "again",
    }
    with pytest.raises(TrackerError, match="the store finds no end"):
        list(Store(server.uri).values([RUN_ID], ["train/loss"]))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b"\xff",
        b"<html>",
        b"[" * 100_000,
        b"\x1b]0;owned\x07",
        b'{"run": {"info": 3}}',
        b'{"run": {"info": {"start_time": "x"}}}',
        b'{"run": {"data": {"metrics": [{"key": "a", "value": "x"}]}}}',
    ],
    ids=lambda body: body[:20],
)
def test_answer_that_is_none_is_an_error_in_a_line(body: bytes, server: HostileServer) -> None:
    server.answers[f"{API}/runs/get"] = lambda request: say(request, body)
    with pytest.raises(TrackerError) as caught:
        Store(server.uri).is_running(RUN_ID)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("code", [200, 404, 501])
def test_server_that_is_none_of_mlflows_is_said_to_be_that(code: int, server: HostileServer, tmp_path: Path) -> None:
    def page(request: BaseHTTPRequestHandler) -> None:
        say(request, b"<html>\n<h1>my page</h1>", code=code)

    server.answers[f"{API}/experiments/get-by-name"] = page
    with pytest.raises(TrackerError) as caught:
        Tracker(server.uri, "cnn", tmp_path).open()
    said = f"answers, but not as an MLflow server ({code}); is the address right?"
    assert str(caught.value) == f"tracking.uri={server.uri}: {said}"


def test_gateway_whose_server_is_down_is_not_said_to_be_another(server: HostileServer, tmp_path: Path) -> None:
    server.answers[f"{API}/experiments/get-by-name"] = lambda request: say(request, b"<html>", code=502)
    with pytest.raises(TrackerError, match="502 error"):
        Tracker(server.uri, "cnn", tmp_path).open()


@pytest.mark.parametrize("run_id", ["ab\x1b[31m", "ab\nrun", "", "../ab", "a" * 65, "ab'"])
def test_run_with_an_id_that_is_none_is_an_error_in_a_line(run_id: str, server: HostileServer, tmp_path: Path) -> None:
    found = run()
    found["info"]["run_id"] = run_id
    server.answers[f"{API}/runs/search"] = {"runs": [found]}
    server.answers[f"{API}/runs/create"] = {"run": found}
    server.answers[f"{API}/experiments/get-by-name"] = {
        "experiment": {"experiment_id": "1", "lifecycle_stage": "active"}
    }
    tracker = Tracker(server.uri, "cnn", tmp_path)
    for ask in (
        lambda: list(Store(server.uri).search("", ["1"])),
        lambda: tracker.create("n", tags={}, begun_ms=1000),
        lambda: tracker.created(tags={}, begun_ms=1000, parent=None),
    ):
        with pytest.raises(TrackerError, match="which is no id of MLflow's") as caught:
            ask()
        assert str(caught.value).isprintable()


def test_address_has_nothing_that_commands_a_terminal(server: HostileServer) -> None:
    experiment = {"experiment_id": "1\x1b[31m", "name": "cnn"}
    server.answers[f"{API}/experiments/search"] = {"experiments": [experiment]}
    server.answers[f"{API}/runs/search"] = {"runs": [run()]}
    pages = list(links(Store(server.uri)).values())
    assert len(pages) == 2
    assert all(page.isprintable() for page in pages)


def test_hundred_thousand_tags_are_read_as_what_they_are(server: HostileServer) -> None:
    tags = {f"tag{number}": "x" * 100 for number in range(100_000)}
    server.answers[f"{API}/runs/search"] = {"runs": [run(tags=tags)]}
    (found,) = Store(server.uri).search("", ["1"])
    assert len(found.tags) == 100_000


def test_values_that_are_no_metrics_do_no_harm(server: HostileServer) -> None:
    history = [{"key": "a", "value": value, "timestamp": 1, "step": 1} for value in ("NaN", "Infinity", 1e300)]
    server.answers[f"{API}/metrics/get-history"] = {"metrics": history}
    server.answers[f"{API}/runs/search"] = {"runs": [run(metrics={"a": 1.0})]}
    store = Store(server.uri)
    runs = list(store.search("", ["1"]))
    assert set(epochs_by_run(store, runs)[RUN_ID]) == {1}


def test_password_is_told_to_the_server_and_to_nobody_else(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = HostileServer()
    try:
        monkeypatch.setenv("no_proxy", os.environ["NO_PROXY"])
        server.answers[f"{API}/runs/get"] = redirected(f"{other.uri.replace('127.0.0.1', 'localhost')}/x")
        with pytest.raises(TrackerError) as caught:
            Store(server.uri.replace("//", "//user:secret@")).is_running(RUN_ID)
        assert "secret" not in str(caught.value)
        assert "Authorization" in server.heard[0]
        assert not [headers for headers in other.heard if "Authorization" in headers]
    finally:
        other.close()
