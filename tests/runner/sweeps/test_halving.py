"""Successive halving: which runs go on after which epoch, and to the bits of runs that were never paused."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.config.schema import SweepConfig
from experiments.config.validation import ConfigError
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.runs.status import read_status
from experiments.sweeps.cell import Cell
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.halving import better_part, rungs, settings_per_rung
from experiments.sweeps.sweep import SweepFailedError, run_sweep, sweep_id
from tests.runner.configs import shifts, small_config
from tests.runner.sweeps.cells import finish, grid, rates, rates_and_seeds, record

HALVING = SweepConfig(zip=[], exclude=[], max_failures=None, halving=True, min_epochs=1, reduction_factor=2)

TOO_LARGE = 20_000_000_000  # units of the hidden layer: no machine has the memory


pytestmark = pytest.mark.usefixtures("unpublished")


@pytest.mark.parametrize(
    ("epochs", "first", "factor", "expected"),
    [
        (8, 1, 2, [1, 2, 4, 8]),
        (5, 1, 2, [1, 2, 4, 5]),
        (9, 1, 3, [1, 3, 9]),
        (20, 3, 4, [3, 12, 20]),
        (3, 2, 2, [2, 3]),
        (1, 1, 2, [1]),
    ],
)
def test_each_rung_is_a_factor_longer_up_to_the_end(epochs: int, first: int, factor: int, expected: list[int]) -> None:
    assert rungs(epochs, replace(HALVING, min_epochs=first, reduction_factor=factor)) == expected


def test_without_halving_the_end_is_the_only_rung() -> None:
    assert rungs(8, replace(HALVING, halving=False)) == [8]


@given(settings=st.integers(1, 300), rungs=st.integers(1, 8), factor=st.integers(2, 5))
def test_one_in_so_many_rounded_up_goes_on(settings: int, rungs: int, factor: int) -> None:
    counts = settings_per_rung(settings, rungs, factor)
    assert (counts[0], len(counts)) == (settings, rungs)
    for before, after in pairwise(counts):
        assert after * factor >= before > (after - 1) * factor


def names(cells: Sequence[Cell]) -> list[str]:
    return [cell.name for cell in cells]


def test_runs_of_the_highest_accuracy_at_that_epoch_go_on(tmp_path: Path) -> None:
    cells = rates(tmp_path, 1, 2, 3, 4, 5)
    for cell, history in zip(cells, [(0.1, 0.9), (0.5, 0.1), (0.3, 0.2), (0.6, 0.0), (0.2, 0.8)], strict=True):
        record(cell, *history)
    assert names(better_part(cells, 1, 2)) == ["lr=2", "lr=3", "lr=4"]
    assert names(better_part(cells, 2, 2)) == ["lr=1", "lr=3", "lr=5"]
    assert names(better_part(cells, 1, 3)) == ["lr=2", "lr=4"]


def test_validation_accuracy_decides_where_there_is_one(tmp_path: Path) -> None:
    cells = rates(tmp_path, 1, 2)
    record(cells[0], 0.4, part="val")  # on the test images both have 0.5
    record(cells[1], 0.6, part="val")
    assert names(better_part(cells, 1, 2)) == ["lr=2"]


def test_of_equals_the_first_goes_on(tmp_path: Path) -> None:
    cells = rates(tmp_path, 1, 2, 3)
    for cell in cells:
        record(cell, 0.5)
    assert names(better_part(cells, 1, 2)) == ["lr=1", "lr=2"]


def test_seeds_of_a_setting_are_judged_by_their_mean_and_go_on_together(tmp_path: Path) -> None:
    cells = rates_and_seeds(tmp_path, (1.0, 2.0), (0, 1))
    for cell, accuracy in zip(cells, (0.9, 0.1, 0.6, 0.5), strict=True):
        record(cell, accuracy)
    assert names(better_part(cells, 1, 2)) == ["lr=2.0 seed=0", "lr=2.0 seed=1"]


def test_run_without_that_epoch_does_not_go_on_even_if_places_stay_empty(tmp_path: Path) -> None:
    cells = rates(tmp_path, 1, 2, 3, 4)
    record(cells[0], 0.2)
    record(cells[1], 0.9, 0.9)
    assert names(better_part(cells, 2, 2)) == ["lr=2"]
    finish(cells[2], "diverged")
    assert names(better_part(cells, 1, 2)) == ["lr=1", "lr=2"]


def epochs(cell: Cell) -> int:
    return len(History(RunFolder(Path(cell.config.outputs_dir), cell.identity).history).rows())


def digests(cell: Cell) -> list[str]:
    """Of the weights after every epoch."""
    rows = History(RunFolder(Path(cell.config.outputs_dir), cell.identity).history).rows()
    return [row.weights_sha256 for row in rows]


SETTINGS: dict[str, Any] = {"trainer__epochs": 5, "augmentation": shifts(crop=0.7, flip=True), "sweep": HALVING}


def test_paused_runs_have_the_bits_of_runs_that_were_never_paused(tmp_path: Path) -> None:
    cells = rates(tmp_path / "halving", 0.001, 0.01, 0.1, 0.2, **SETTINGS)
    run_sweep(cells)
    assert sorted(map(epochs, cells)) == [1, 1, 2, 5]  # 4 runs, then 2, 1 and 1, up to the epochs 1, 2, 4 and 5
    for cell, alone in zip(cells, rates(tmp_path / "alone", 0.001, 0.01, 0.1, 0.2, **SETTINGS), strict=True):
        execute(alone.config)
        assert digests(cell) == digests(alone)[: epochs(cell)]


def test_runs_given_up_are_closed_and_noted(outputs: Path) -> None:
    cells = rates(outputs, 0.001, 0.01, 0.1, 0.2, **SETTINGS)
    run_sweep(cells)
    given_up = SweepFolder(outputs, sweep_id(cells)).given_up()
    assert given_up == {cell.identity: epochs(cell) for cell in cells if epochs(cell) < 5}
    for cell in cells:
        folder = RunFolder(outputs, cell.identity)
        status = read_status(folder.path)
        assert (status is not None and status.outcome == "paused") == (cell.identity in given_up)
        assert folder.finished.exists() == (cell.identity not in given_up)


def test_same_command_again_trains_nothing(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = rates(outputs, 0.001, 0.01, 0.1, 0.2, **SETTINGS)
    run_sweep(cells)
    before = {cell.identity: digests(cell) for cell in cells}
    monkeypatch.setattr(attempt, "build_dataset", lambda *_: pytest.fail("trained again"))
    run_sweep(cells)
    assert {cell.identity: digests(cell) for cell in cells} == before


def test_interrupted_halving_goes_on_to_the_same_decisions(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = rates(outputs / "undisturbed", 0.001, 0.01, 0.1, 0.2, **SETTINGS)
    run_sweep(undisturbed)
    cells = rates(outputs / "stopped", 0.001, 0.01, 0.1, 0.2, **SETTINGS)
    recorded = 0

    def stop(*_: Any) -> str:
        nonlocal recorded
        recorded += 1
        if recorded == 6:  # in the second rung
            raise KeyboardInterrupt
        return "epoch"

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "epoch_line", stop)
        with pytest.raises(KeyboardInterrupt):
            run_sweep(cells)
    run_sweep(cells)
    assert [digests(cell) for cell in cells] == [digests(cell) for cell in undisturbed]


@pytest.mark.usefixtures("publishing_here")  # else it is not repeated
def test_forced_halving_repeats_each_epoch_once(outputs: Path) -> None:
    run_sweep(rates(outputs, 0.001, 0.01, 0.1, 0.2, **SETTINGS))
    cells = rates(outputs, 0.001, 0.01, 0.1, 0.2, force=True, **SETTINGS)
    run_sweep(cells)
    for cell in cells:
        log = RunFolder(outputs, cell.identity).log.read_text()
        assert [log.count(f" epoch {epoch}/5 ") for epoch in range(1, 6)] == [
            2 if epoch <= epochs(cell) else 0 for epoch in range(1, 6)
        ]


def test_sweep_without_halving_brings_runs_given_up_to_their_end(outputs: Path) -> None:
    run_sweep(rates(outputs, 0.001, 0.1, **SETTINGS))
    cells = rates(outputs, 0.001, 0.1, **SETTINGS | {"sweep": replace(HALVING, halving=False)})
    run_sweep(cells)
    assert list(map(epochs, cells)) == [5, 5]
    assert SweepFolder(outputs, sweep_id(cells)).given_up() == {}


def test_each_rung_is_announced(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run_sweep(rates(outputs, 0.001, 0.01, 0.1, 0.2, **SETTINGS))
    assert "rung 2 of 4: 2 of 4 runs go on from epoch 1 to 2" in caplog.text
    assert "rung 4 of 4: 1 of 1 runs go on from epoch 4 to 5" in caplog.text
    assert "[8/8]" in caplog.text


def test_after_too_many_failures_no_rung_begins_and_nothing_is_given_up(
    outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = {**SETTINGS, "sweep": replace(HALVING, max_failures=1)}
    cells = [*rates(outputs, 0.1, **settings), *rates(outputs, 0.2, model__hidden_size=TOO_LARGE, **settings)]
    cells += rates(outputs, 0.01, 0.02, **settings)
    with pytest.raises(SweepFailedError, match="no more were begun"):
        run_sweep(cells)
    assert [epochs(cell) for cell in cells] == [1, 0, 0, 0]
    assert SweepFolder(outputs, sweep_id(cells)).given_up() == {}
    assert "rung" not in caplog.text


def test_epochs_cannot_vary(outputs: Path) -> None:
    cells = grid(small_config(outputs, sweep=HALVING), trainer__epochs=[3, 4])
    with pytest.raises(ConfigError, match=r"sweep\.halving=true: .* so trainer\.epochs cannot vary"):
        run_sweep(cells)
    assert not outputs.exists()
