"""What a sweep shows on a terminal while it runs."""

import logging
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from experiments.sweeps import display
from experiments.sweeps.display import Display
from experiments.sweeps.task import Report
from tests.runner.sweeps.cells import rates, record


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(file=StringIO(), force_terminal=True, width=120, height=20, record=True)
    monkeypatch.setattr(display, "stderr", console)
    return console


def seen(shown: Display) -> str:
    """The display as it stands at this moment."""
    console = Console(file=StringIO(), width=120)
    console.print(shown._render())  # what a terminal is given
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_runs_at_work_are_shown_with_the_epochs_they_have_recorded(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2)
    shown = Display(2)
    shown.begin(cells[0], 5)
    shown.begin(cells[1], 5)
    record(cells[1], 0.5, 0.6, 0.7)
    lines = [line.split() for line in seen(shown).splitlines()]
    assert [line[0] + " " + line[-1] for line in lines[:2]] == ["lr=0.1 0/5", "lr=0.2 3/5"]
    assert "0/2 done · 2 running · 0 failed" in seen(shown)


def test_best_and_time_left_are_shown_as_soon_as_they_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    cells = rates(tmp_path, 0.1, 0.2, 0.3)
    shown = Display(3)
    for cell, accuracy in zip(cells[:2], (0.9, 0.8), strict=True):
        shown.begin(cell, 5)
        shown.end(cell, Report(failed=False, line="", accuracy=accuracy), 65.0)
    assert "2/3 done · 1:05 left · 0 running · 0 failed · best 90.00% (lr=0.1)" in seen(shown)
    now = 110.0
    assert " · 0:55 left · " in seen(shown)
    shown.end(cells[2], Report(failed=True, line="failed: on fire"), None)
    assert "3/3 done · 0 running · 1 failed · best 90.00% (lr=0.1)\n" in seen(shown)


def test_terminal_is_left_with_the_lines_only(
    terminal: Console, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (cell,) = rates(tmp_path, 0.1)
    shown = Display(1)
    with shown.shown():
        shown.begin(cell, 2)
        shown.end(cell, Report(failed=False, line="test 50.00%"), 0.0)
    assert [record.getMessage() for record in caplog.records] == ["[1/1] lr=0.1  test 50.00%"]
    assert isinstance(terminal.file, StringIO)
    assert "1/1 done" in terminal.file.getvalue()
    assert terminal.file.getvalue().endswith("\x1b[2K")  # what was shown is wiped out


def test_without_a_terminal_nothing_is_shown_but_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (cell,) = rates(tmp_path, 0.1)
    shown = Display(1)
    with shown.shown():
        shown.begin(cell, 2)
        shown.end(cell, Report(failed=False, line="test 50.00%"), 0.0)
    assert capsys.readouterr() == ("", "")
