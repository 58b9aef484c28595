"""What a dry run and a sweep's first line say of its runs is what then happens, whatever was deleted."""

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import SweepConfig
from experiments.files import read_json
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.sweeps.cell import Cell
from experiments.sweeps.dry_run import print_plan
from experiments.sweeps.sweep import run_sweep
from tests.runner.configs import changed
from tests.runner.sweeps.cells import rates

pytestmark = pytest.mark.usefixtures("unpublished")

HALVING = SweepConfig(zip=[], exclude=[], max_failures=None, halving=True, min_epochs=1, reduction_factor=2)
SKIPPED, RESUMED, STARTED_OVER = "1 finished", "1 begun", "1 to be repeated"

Damage = Callable[[RunFolder], None]


def folder_of(cell: Cell) -> RunFolder:
    return RunFolder(Path(cell.config.outputs_dir), cell.identity)


def deleted(*names: str) -> Damage:
    def damage(folder: RunFolder) -> None:
        for name in names:
            (folder.path / name).unlink(missing_ok=True)

    damage.__name__ = f"{' and '.join(names)} deleted"
    return damage


def altered(name: str) -> Damage:
    def damage(folder: RunFolder) -> None:
        path = folder.path / name
        path.write_bytes(path.read_bytes()[:-40])

    damage.__name__ = f"{name} altered"
    return damage


def said_before(cells: Sequence[Cell], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The state of the first run and the counts of all, in a dry run."""
    capsys.readouterr()
    print_plan(cells)
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if cells[0].identity in line)
    (counts,) = (line for line in lines if re.match(r"\d+ runs?, ", line))
    return row.partition(cells[0].identity)[2].strip(), counts


def trained(cells: Sequence[Cell]) -> int:
    """How many epochs were trained in all attempts together."""
    logs = [folder_of(cell).log for cell in cells]
    return sum(log.read_text().count(" INFO epoch ") for log in logs if log.exists())


@pytest.mark.parametrize("keep_checkpoint", [False, True])
@pytest.mark.parametrize(
    ("damage", "without_checkpoint", "with_checkpoint"),
    [
        (deleted(), SKIPPED, SKIPPED),
        (deleted("checkpoint.npz"), SKIPPED, SKIPPED),
        (deleted("weights.npz", "environment.json", "checkpoint.npz"), SKIPPED, SKIPPED),
        (altered("weights.npz"), SKIPPED, SKIPPED),
        (altered("environment.json"), SKIPPED, SKIPPED),
        (deleted("finished.json"), STARTED_OVER, RESUMED),
        (altered("finished.json"), STARTED_OVER, RESUMED),
        (deleted("config.yaml"), STARTED_OVER, RESUMED),
        (altered("config.yaml"), STARTED_OVER, RESUMED),
        (deleted("history.jsonl"), STARTED_OVER, STARTED_OVER),
        (altered("history.jsonl"), STARTED_OVER, STARTED_OVER),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_finished_run(
    damage: Damage,
    without_checkpoint: str,
    with_checkpoint: str,
    keep_checkpoint: bool,
    outputs: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = with_checkpoint if keep_checkpoint else without_checkpoint
    cells = rates(outputs, 0.1, trainer__keep_checkpoint=keep_checkpoint)
    run_sweep(cells)
    weights = (read_json(folder_of(cells[0]).finished) or {})["weights.sha256"]
    damage(folder_of(cells[0]))
    state, counts = said_before(cells, capsys)
    assert counts == f"1 run, {expected}"
    assert expected != SKIPPED or state.endswith("will be skipped")
    assert expected != RESUMED or state == "will go on after epoch 2 of 2"
    assert expected != STARTED_OVER or state == "will be trained again from the start"
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_sweep(cells)
    assert caplog.messages[0].endswith(counts)
    assert trained(cells) == (4 if expected == STARTED_OVER else 2)
    assert ("was finished" in caplog.text) == (expected == SKIPPED)
    assert (read_json(folder_of(cells[0]).finished) or {})["weights.sha256"] == weights


@pytest.mark.parametrize("damage", [deleted(), deleted("checkpoint.npz")], ids=lambda damage: damage.__name__)
def test_interrupted_run(
    damage: Damage, outputs: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    cells = rates(outputs, 0.1, trainer__epochs=3)
    execute(cells[0].config, pause_after=1)
    damage(folder_of(cells[0]))
    is_gone = not folder_of(cells[0]).checkpoint.exists()
    state, counts = said_before(cells, capsys)
    assert (state, counts) == (
        ("will be trained again from the start", "1 run, 1 to be repeated")
        if is_gone
        else ("will go on after epoch 1 of 3", "1 run, 1 begun")
    )
    with caplog.at_level(logging.INFO):
        run_sweep(cells)
    assert trained(cells) == (1 + 3 if is_gone else 3)
    assert ("but checkpoint.npz is missing; it trains again from the start" in caplog.text) == is_gone


def test_run_that_halving_gave_up_needs_no_checkpoint(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = rates(outputs, 0.001, 0.1, trainer__epochs=2, sweep=HALVING)
    run_sweep(cells)
    (given_up,) = (cell for cell in cells if not folder_of(cell).finished.exists())
    folder_of(given_up).checkpoint.unlink()
    ordered = sorted(cells, key=lambda cell: cell is not given_up)
    state, counts = said_before(ordered, capsys)
    assert state == "paused after epoch 1; if it goes on, it trains again from the start"
    assert counts == "2 runs, 1 finished, 1 begun"
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: pytest.fail("trained"))
    run_sweep(cells)


def test_halving_trains_a_run_again_whose_checkpoint_is_gone_and_says_so(
    outputs: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = rates(outputs, 0.001, 0.1, trainer__epochs=2, sweep=HALVING)
    paused = outputs.parent / "paused"

    def before_the_second_rung(*_: Any) -> list[Cell]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("experiments.sweeps.sweep.better_part", before_the_second_rung)
        with pytest.raises(KeyboardInterrupt):
            run_sweep(cells)
    for cell in cells:
        folder_of(cell).checkpoint.unlink()
    caplog.clear()
    run_sweep(cells)
    said = [message for message in caplog.messages if "checkpoint.npz is missing; it trains again" in message]
    assert len(said) == 1
    assert trained(cells) == 2 + 2
    alone = [changed(cell.config, {"outputs_dir": str(paused)}) for cell in cells]
    finished = [cell for cell in cells if folder_of(cell).finished.exists()]
    for cell, config in zip(cells, alone, strict=True):
        if cell in finished:
            assert execute(config).final["test/accuracy"] == folder_of(cell).summary()["final"]["test/accuracy"]  # type: ignore[index]
