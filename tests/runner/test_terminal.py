"""What a person sees: results on stdout, diagnostics on stderr, and no decoration where there is no terminal."""

import io
import logging
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table

from experiments import terminal

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal in the place of stderr and stdout, 60 columns wide."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=60, color_system="standard", _environ={})
    monkeypatch.setattr(terminal, "stderr", console)
    monkeypatch.setattr(terminal, "stdout", console)
    return written


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("experiments", level, "", 0, message, None, None)


def wide_table() -> Table:
    table = Table()
    for number in range(20):
        table.add_column(f"column{number}", no_wrap=True)
    table.add_row(*(f"value{number}" for number in range(20)))
    return table


def test_records_go_to_stderr_as_they_are(capsys: Captured) -> None:
    message = "[8] 100% /a/path " + "word " * 60
    terminal.TerminalHandler().handle(record(logging.INFO, message))
    assert capsys.readouterr() == ("", message + "\n")


def test_warnings_are_coloured_on_a_terminal_only(screen: io.StringIO) -> None:
    handler = terminal.TerminalHandler()
    handler.handle(record(logging.INFO, "plain"))
    assert "\x1b[" not in screen.getvalue()
    handler.handle(record(logging.WARNING, "coloured"))
    assert "\x1b[33mcoloured" in screen.getvalue()


def test_nothing_of_a_table_is_cut_in_a_pipe(capsys: Captured) -> None:
    terminal.print_table(wide_table())
    out = capsys.readouterr().out
    assert all(f"value{number}" in out for number in range(20))
    assert "…" not in out


def test_table_fits_a_terminal(screen: io.StringIO) -> None:
    terminal.print_table(wide_table())
    assert max(len(re.sub(r"\x1b\[\d*m", "", line)) for line in screen.getvalue().splitlines()) <= 60


def test_progress_yields_every_item_and_is_silent_in_a_pipe(capsys: Captured) -> None:
    assert list(terminal.progress([1, 2, 3], total=3, label="epoch 1/5")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_a_terminal_and_gone_afterwards(screen: io.StringIO) -> None:
    assert list(terminal.progress([1, 2, 3], total=3, label="epoch 1/5")) == [1, 2, 3]
    assert "epoch 1/5" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")  # its line is erased


def test_progress_begins_where_the_work_does(screen: io.StringIO) -> None:
    assert list(terminal.progress([8], total=8, label="epoch 1/5", done=7)) == [8]
    assert "7/8" in screen.getvalue()


def test_work_goes_on_when_the_terminal_was_closed() -> None:
    program = (
        "import os, sys; from experiments.terminal import progress, stderr, stdout\n"
        "os.read(0, 1)\n"
        "for item in progress([1, 2], total=2, label='a'): stderr.print('b')\n"
        "stdout.print('c'); sys.exit(3)"
    )
    window, inside = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=inside, stderr=inside)
    os.close(inside)
    os.close(window)
    process.communicate(b"x")
    assert process.returncode == 3


def test_lines_on_the_way_may_be_lost_where_results_may_not() -> None:
    program = "import sys; from experiments.terminal import stderr, stdout\nstderr.print('b'); stdout.print('c')"
    with open("/dev/full", "w") as full:
        lost = subprocess.run([sys.executable, "-c", program], stderr=full, stdout=subprocess.PIPE, check=False)
        assert (lost.returncode, lost.stdout) == (0, b"c\n")
        failed = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)
        assert failed.returncode != 0
        assert b"No space left" in failed.stderr


def test_work_goes_on_when_nobody_reads_any_more() -> None:
    program = (
        "from rich.table import Table; from experiments.terminal import print_table, stderr, stdout\n"
        "table = Table(); table.add_row('a')\n"
        "print_table(table); stdout.print('b'); stderr.print('done')"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "done\n")
