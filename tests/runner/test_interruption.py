"""Signals that come at a moment in which they would do harm."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from experiments.interruption import INTERRUPTING, listening, undisturbed
from tests.runner.composed import CHECKOUT


def test_signal_takes_effect_at_the_end() -> None:
    done = []

    def work() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_several_signals_are_one() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with undisturbed():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert came == []
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM]


def test_nothing_is_held_back_outside_the_main_thread() -> None:
    inside: list[object] = []

    def work() -> None:
        with undisturbed():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [signal.default_int_handler]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_interrupts_what_listens(number: signal.Signals) -> None:
    before = [signal.getsignal(known) for known in INTERRUPTING]
    with pytest.raises(KeyboardInterrupt), listening():
        signal.raise_signal(number)
    assert [signal.getsignal(known) for known in INTERRUPTING] == before


def test_closed_terminal_that_says_so_twice_does_not_cut_the_closing_short() -> None:
    done = []
    with listening():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGHUP)
            done.append("closed")
    assert done == ["closed"]


def test_ctrl_c_can_be_said_again() -> None:
    with listening():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("context", [listening, undisturbed])
def test_what_is_ignored_stays_so(context: Callable[[], AbstractContextManager[None]]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with context():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_closed_terminal_takes_effect_at_the_end_as_well() -> None:
    done = []

    def work() -> None:
        with listening(), undisturbed():
            signal.raise_signal(signal.SIGHUP)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest"]


@pytest.mark.parametrize("command", ["train", "compare", "ui", "benchmark"])
def test_ctrl_c_while_a_command_still_imports_ends_it_without_a_word(command: str, tmp_path: Path) -> None:
    # A stand-in for a package that every command imports, at whose import the signal comes.
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT); 1 / 0")
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{command}"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_importing_the_project_changes_no_handler() -> None:
    program = "import experiments.hydra_main, signal as s; assert s.getsignal(s.SIGINT) is s.default_int_handler"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=True)
