"""A dry run says what would be run, and neither runs nor writes anything."""

from pathlib import Path

import pytest

from experiments.runs import attempt
from experiments.sweeps.dry_run import print_plan
from tests.runner.conftest import Command
from tests.runner.sweeps.cells import finish, rates, record


def row(out: str, identity: str) -> str:
    return next(line for line in out.splitlines() if identity in line)


def test_each_run_is_a_row_with_its_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = rates(tmp_path, 0.1, 0.2, 0.3, 0.4, trainer__epochs=4)
    record(cells[0], 0.5, 0.6, 0.7, 0.8)
    finish(cells[0], test__accuracy=0.8)
    record(cells[1], 0.5, seconds=30.0)
    finish(cells[2], "diverged")
    print_plan(cells)
    out = capsys.readouterr().out
    assert "completed, test 80.00%; will be skipped" in row(out, cells[0].identity)
    assert "will go on after epoch 1 of 4" in row(out, cells[1].identity)
    assert "diverged; will be skipped" in row(out, cells[2].identity)
    assert row(out, cells[3].identity).split() == ["4", "0.4", cells[3].identity, "new"]
    assert "4 runs, 2 finished, 1 begun, 1 new" in out
    assert "about 2:32 of training left" in out  # 3 epochs of 30 s, 4 of the mean of 30 and 1 s


def test_finished_run_that_is_forced_will_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = rates(tmp_path, 0.1, 0.2, force=True, trainer__epochs=4)
    record(cells[0], 0.5, 0.6, 0.7, 0.8)
    finish(cells[0], test__accuracy=0.8)
    print_plan(cells)
    out = capsys.readouterr().out
    assert "will be repeated" in row(out, cells[0].identity)
    assert row(out, cells[1].identity).split()[-1] == "new"


def test_time_is_not_guessed_while_nothing_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(rates(tmp_path, 0.1, 0.2))
    assert "time left: unknown until an epoch is on record" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sweep"), [([], []), (["-m"], ["optimizer.lr=0.1,0.2"]), (["-m"], ["seed=0,1", "launcher=joblib"])]
)
def test_dry_run_runs_and_writes_nothing(
    flags: list[str],
    sweep: list[str],
    train_command: Command,
    words: list[str],
    outputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt.Attempt, "train", lambda *_: pytest.fail("trained"))
    monkeypatch.chdir(tmp_path)
    code, out, _ = train_command(*flags, *words, *sweep, "dry_run=true")
    assert code == 0
    assert "dry run: nothing was run or written" in out
    assert not outputs.exists()
    assert list(tmp_path.iterdir()) == []


def test_dry_run_says_how_halving_would_go(train_command: Command, words: list[str]) -> None:
    sweep = ["optimizer.lr=0.1,0.2,0.3", "trainer.epochs=9", "sweep.halving=true", "sweep.reduction_factor=3"]
    code, out, _ = train_command("-m", *words, *sweep, "dry_run=true")
    assert code == 0
    assert "successive halving after epochs 1, 3: one in 3 goes on" in out
