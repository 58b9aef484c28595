"""Downloads, against a real server: whole files arrive, everything else is refused, and no trace of it stays."""

import gzip
import hashlib
import io
import os
import re
import socket
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import pytest
import requests

from experiments.data.dataset import DataError
from experiments.data.download import fetch
from tests.runner.data.server import Mirror

CONTENT = bytes(range(256)) * 1000
PACKED = gzip.compress(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "file.gz"


@pytest.fixture
def unreachable() -> str:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}/file.gz"


def left(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir()]


def failure(urls: list[str], target: Path) -> str:
    """Returns the error's message after checking that nothing was left behind."""
    with pytest.raises(DataError) as caught:
        fetch(urls, target, sha256=SHA256)
    assert left(target) == []
    return str(caught.value)


def test_file_arrives_as_it_is_served_and_alone(mirror: Mirror, target: Path, waits: list[float]) -> None:
    fetch([mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    assert target.read_bytes() == PACKED
    assert left(target) == ["file.gz"]
    assert waits == []


def test_plain_file_is_held_against_the_same_digest(mirror: Mirror, target: Path) -> None:
    fetch([mirror.serve("/file.gz", CONTENT)], target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_file_of_unannounced_length_arrives(mirror: Mirror, target: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(PACKED)

    mirror.answers["/file.gz"] = answer
    fetch([mirror.url("/file.gz")], target, sha256=SHA256)
    assert target.read_bytes() == PACKED


def test_file_can_be_read_by_whom_the_umask_lets(mirror: Mirror, target: Path) -> None:
    before = os.umask(0o022)
    try:
        fetch([mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_file_that_exists_is_left_alone(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"mine")
    fetch([mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    assert target.read_bytes() == b"mine"
    assert mirror.asked.total() == 0


def test_second_mirror_serves_what_the_first_has_not(mirror: Mirror, target: Path) -> None:
    fetch([mirror.url("/gone/file.gz"), mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    assert target.read_bytes() == PACKED
    assert mirror.asked == {"/gone/file.gz": 1, "/file.gz": 1}


def redirected_forever(mirror: Mirror) -> str:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "/redirect")
        request.send_header("Content-Length", "0")
        request.end_headers()

    mirror.answers["/redirect"] = answer
    return mirror.url("/redirect")


WRONG_CRC = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
BROKEN_OFF = "no connection, or it broke off"
FAULTS: dict[str, tuple[Callable[[Mirror], str], str]] = {
    "missing": (lambda mirror: mirror.url("/x"), "HTTP 404 Not Found"),
    "other data": (lambda mirror: mirror.serve("/x", gzip.compress(b"other")), "other data (sha256 "),
    "a page": (lambda mirror: mirror.serve("/x", b"<html>"), "other data (sha256 "),
    "damaged": (lambda mirror: mirror.serve("/x", WRONG_CRC), "a damaged gzip file (CRC check failed"),
    "cut short": (lambda mirror: mirror.serve("/x", PACKED[:-9]), "a damaged gzip file (Compressed file"),
    "broken off": (lambda mirror: mirror.serve("/x", PACKED[:-9], announced=len(PACKED)), BROKEN_OFF),
    "silent": (lambda mirror: mirror.stall("/x"), "timed out"),
    "stalled": (lambda mirror: mirror.stall("/x", after=PACKED[:100]), BROKEN_OFF),
    "redirected forever": (redirected_forever, "TooManyRedirects"),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The address of a mirror with a fault, and how the fault is described."""
    if request.param in {"silent", "stalled"}:
        monkeypatch.setattr("experiments.data.download.TIMEOUT", (4.0, 0.2))
    make, description = FAULTS[request.param]
    return make(mirror), description


def test_after_any_fault_the_next_mirror_is_asked(
    mirror: Mirror, target: Path, fault: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    url, description = fault
    fetch([url, mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    assert target.read_bytes() == PACKED
    assert left(target) == ["file.gz"]
    assert f"{url}: {description}" in capsys.readouterr().err


def test_fault_of_the_only_mirror_is_named_and_leaves_nothing_behind(target: Path, fault: tuple[str, str]) -> None:
    url, description = fault
    assert f"cannot download file.gz ({url}: {description}" in failure([url], target)


def test_offline_the_error_names_the_file_and_its_folder(unreachable: str, target: Path, waits: list[float]) -> None:
    assert failure([unreachable], target) == (
        f"cannot download file.gz ({unreachable}: no connection, or it broke off).\n"
        f"Put it into {target.parent} by hand."
    )
    assert waits == [1, 2]


def test_refused_certificate_is_named(monkeypatch: pytest.MonkeyPatch, waits: list[float], target: Path) -> None:
    def refuse(*_: object, **__: object) -> None:  # a real one would need a server with a certificate
        raise requests.exceptions.SSLError

    monkeypatch.setattr(requests, "get", refuse)
    assert "(https://localhost/file.gz: its TLS certificate was refused)" in failure(
        ["https://localhost/file.gz"], target
    )
    assert len(waits) == 2


def test_all_mirrors_are_asked_in_turn_with_growing_pauses(mirror: Mirror, target: Path, waits: list[float]) -> None:
    message = failure([mirror.url("/a"), mirror.url("/b")], target)
    assert mirror.asked == {"/a": 3, "/b": 3}
    assert waits == [1, 2]
    assert "/a: HTTP 404 Not Found; http" in message


def test_error_says_what_the_caller_knows_better(unreachable: str, target: Path, waits: list[float]) -> None:
    with pytest.raises(DataError, match=r"\)\.\nBuy it\.$"):
        fetch([unreachable], target, sha256=SHA256, mend="Buy it.")
    assert len(waits) == 2


def test_file_served_larger_than_the_limit_is_refused(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.data.download.LARGEST", 1000)
    assert "more than 1,000 bytes)" in failure([mirror.serve("/file.gz", CONTENT)], target)


def test_file_that_unpacks_to_more_than_the_limit_is_refused(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.data.download.LARGEST", len(PACKED))
    url = mirror.serve("/file.gz", PACKED)
    assert f"unpacks to more than {len(PACKED):,} bytes" in failure([url], target)


def test_ctrl_c_leaves_nothing_behind(mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        assert any(name.endswith(".part") for name in left(target))
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.data.download.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch([mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    assert left(target) == []


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"folder/x: cannot be written: Not a directory. Choose a folder"):
        fetch([], tmp_path / "file" / "folder" / "x", sha256=SHA256)


def test_full_disk_is_named_and_leaves_nothing_behind(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.data.download.fsync", full)
    assert "cannot be written: No space left on device" in failure([mirror.serve("/file.gz", PACKED)], target)


def test_without_a_terminal_progress_is_one_plain_line(
    mirror: Mirror, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = mirror.serve("/file.gz", PACKED)
    fetch([url], target, sha256=SHA256)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"downloading {url}\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_progress_is_a_bar(mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    fetch([mirror.serve("/file.gz", PACKED)], target, sha256=SHA256)
    shown = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", terminal.getvalue())  # without colours and cursor movements
    assert re.search(r"file\.gz ━+ ", shown)


def fetch_at_once(ready: str, url: str, target: Path) -> bytes:
    requests.get(ready, timeout=30)
    fetch([url], target, sha256=SHA256)
    return target.read_bytes()


def test_of_several_processes_one_downloads_and_all_find_the_file(mirror: Mirror, target: Path) -> None:
    together = Barrier(3)

    def ready(request: BaseHTTPRequestHandler) -> None:
        together.wait(30)
        request.send_response(204)
        request.end_headers()

    mirror.answers["/ready"] = ready
    url = mirror.serve("/file.gz", PACKED)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        results = [pool.submit(fetch_at_once, mirror.url("/ready"), url, target) for _ in range(3)]
        assert all(result.result() == PACKED for result in results)
    assert mirror.asked["/file.gz"] == 1
    assert left(target) == ["file.gz"]
