"""A lock that one process at a time holds."""

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from experiments.lock import held


def place(outputs: Path) -> Path:
    return outputs / "run" / "lock"


def hold(outputs: Path, entered: Event, let_go: Event) -> None:
    with held(place(outputs), on_wait=lambda: None):
        entered.set()
        let_go.wait(60)
        (outputs / "done").touch()


def test_one_process_waits_for_the_other_and_says_so(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    entered, let_go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, entered, let_go))
    other.start()
    assert entered.wait(60)
    said: list[str] = []

    def on_wait() -> None:
        said.append("waiting")
        let_go.set()  # only now does the other finish its work and let go

    with held(place(tmp_path), on_wait):
        assert (tmp_path / "done").exists()
    assert said == ["waiting"]
    other.join(60)
    assert other.exitcode == 0


def test_lock_nobody_holds_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with held(place(tmp_path), lambda: said.append("waiting")):
            assert place(tmp_path).parent.is_dir()
    assert said == []


def test_lock_is_let_go_of_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with held(place(tmp_path), lambda: None):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with held(place(tmp_path), lambda: pytest.fail("still held")):
        pass


def hold_until_killed(outputs: Path, entered: Event) -> None:
    with held(place(outputs), on_wait=lambda: None):
        entered.set()
        signal.pause()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    entered = context.Event()
    other = context.Process(target=hold_until_killed, args=(tmp_path, entered))
    other.start()
    assert entered.wait(60)
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join(60)
    with held(place(tmp_path), lambda: pytest.fail("still held")):
        pass
