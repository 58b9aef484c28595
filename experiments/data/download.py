"""Downloads one file from the first mirror that serves it whole, and puts it in place in one step.

Never leaves a partial, unchecked or temporary file behind, whatever goes wrong, and never replaces a file that exists.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os import fsync
from pathlib import Path
from time import sleep
from typing import BinaryIO

import requests
from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from experiments.data.dataset import DataError
from experiments.data.unpacked import GZIP_FAULTS, unpacked_sha256

ROUNDS = 3  # times that each mirror is asked
BACK_OFF = 1.0  # seconds before the second round, doubled before each further one
TIMEOUT = (4.0, 20.0)  # seconds to connect, and without a byte arriving
LARGEST = 2**28  # bytes, of the file as served and of what it unpacks to
PIECE = 2**16  # bytes


class _RefusedError(Exception):
    """What a mirror served is not the file that was asked for."""


def fetch(urls: Sequence[str], target: Path, *, sha256: str, mend: str = "") -> None:
    """Downloads `target` from the first of `urls` that serves it whole; does nothing if it exists.

    Of several processes fetching the same file one downloads, the others wait and find it there.

    Args:
        urls: addresses of the same file, asked in turn, `ROUNDS` times.
        target: where it goes; folders are made as needed.
        sha256: what the file's bytes must hash to, once unpacked if it is gzipped.
        mend: the error's last sentence, if it can say more than to put `target` there by hand.

    Raises:
        DataError: no mirror served the file whole, or the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(target):
            if target.exists():
                return
            failures = _try_all(urls, target, sha256)
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written: {error.strerror}. Choose a folder that can be (data.root)."
        ) from error
    if not target.exists():
        tried = "; ".join(f"{url}: {failure}" for url, failure in failures.items())
        raise DataError(f"cannot download {target.name} ({tried}).\n{mend or f'Put it into {target.parent} by hand.'}")


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    lock = target.with_name(f".{target.name}.lock")
    with FileLock(lock):
        try:
            yield
        finally:
            # At worst (a waiting process holds the removed file) two download at once: wasteful, never wrong.
            with suppress(OSError):
                lock.unlink()


def _try_all(urls: Sequence[str], target: Path, sha256: str) -> dict[str, str]:
    """Returns at the first success, else after all rounds; says how each mirror failed last."""
    console = Console(stderr=True)
    failures: dict[str, str] = {}
    for attempt in range(ROUNDS):
        if attempt > 0:
            sleep(BACK_OFF * 2 ** (attempt - 1))
        for url in urls:
            try:
                _download(url, target, sha256, console)
            except (requests.RequestException, _RefusedError) as error:
                failures[url] = _describe(error)
                console.out(f"{url}: {failures[url]}", highlight=False)
            else:
                return failures
    return failures


def _download(url: str, target: Path, sha256: str, console: Console) -> None:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:  # not tempfile: its files are for their owner alone, whatever the umask
            _save(url, file, console)
            file.flush()
            fsync(file.fileno())
        _check(temporary, sha256)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _save(url: str, file: BinaryIO, console: Console) -> None:
    headers = {"Accept-Encoding": "identity"}  # the file as it is, so that its length is the one announced
    with (
        requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response,
        _progress(console) as bar,
    ):
        response.raise_for_status()
        if not console.is_terminal:
            console.out(f"downloading {url}", highlight=False)
        length = response.headers.get("Content-Length", "")
        task = bar.add_task(url.rpartition("/")[2], total=int(length) if length.isdecimal() else None)
        for piece in response.iter_content(PIECE):
            file.write(piece)
            bar.update(task, advance=len(piece))
            if file.tell() > LARGEST:
                raise _RefusedError(f"more than {LARGEST:,} bytes")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _check(path: Path, sha256: str) -> None:
    try:
        found = unpacked_sha256(path, largest=LARGEST)
    except GZIP_FAULTS as error:
        raise _RefusedError(f"a damaged gzip file ({error})") from error
    if found is None:
        raise _RefusedError(f"unpacks to more than {LARGEST:,} bytes")
    if found != sha256:
        raise _RefusedError(f"other data (sha256 {found}, expected {sha256})")


def _describe(error: Exception) -> str:
    # The texts of requests' own errors run to several lines of Python.
    match error:
        case _RefusedError():
            return str(error)
        case requests.HTTPError(response=requests.Response(status_code=status, reason=reason)):
            return f"HTTP {status} {reason}"
        case requests.Timeout():
            return "timed out"
        case requests.exceptions.SSLError():
            return "its TLS certificate was refused"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return "no connection, or it broke off"
        case _:
            return type(error).__name__
