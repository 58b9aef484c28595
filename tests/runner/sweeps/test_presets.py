"""The sweeps that have a name, and one's own: from the command line to the runs, of which none is carried out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiments.sweeps import sweep
from experiments.sweeps.cell import Cell
from tests.runner.composed import CONF
from tests.runner.conftest import Command

Planned = Callable[..., list[Cell]]

OWN = """# @package _global_
sweep:
  zip: [[optimizer.lr, model.channels]]
  exclude:
    - {optimizer.lr: 1e-1, data.batch_size: 16}
    - model.channels: [8, 16]
      seed: 1
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      optimizer.lr: 0.1,0.2
      model.channels: "[8],[8,16]"
      data.batch_size: 16,32
      seed: range(2)
      optimizer.clip_norm: null
"""


@pytest.fixture
def planned(train_command: Command, monkeypatch: pytest.MonkeyPatch) -> Planned:
    found: list[Cell] = []

    def keep(cells: Sequence[Cell]) -> None:
        found[:] = cells

    def command(*words: str) -> list[Cell]:
        monkeypatch.setattr(sweep, "run_sweep", keep)
        code, out, err = train_command(*words)
        assert (code, out, err) == (0, "", "")
        return found

    return command


def names(cells: Sequence[Cell]) -> list[str]:
    return [cell.name for cell in cells]


def test_lr_batch_size_is_a_grid(planned: Planned) -> None:
    rates, sizes = ("0.003", "0.01", "0.03", "0.1"), (16, 32, 64, 128)
    assert names(planned("sweep=lr_batch_size")) == [f"lr={lr} batch_size={size}" for lr in rates for size in sizes]


def test_lr_range_goes_from_too_small_to_too_large(planned: Planned) -> None:
    rates = [cell.config.optimizer.lr for cell in planned("sweep=lr_range")]
    assert (rates[0], rates[-1]) == (0.001, 1)
    assert rates == sorted(rates)


def test_seeds_repeats_each_run_of_another_sweep(planned: Planned) -> None:
    assert names(planned("sweep=seeds")) == [f"seed={seed}" for seed in range(5)]
    crossed = names(planned("sweep=seeds", "optimizer.lr=0.1,0.2", "seed=7,8"))
    assert crossed == ["lr=0.1 seed=7", "lr=0.1 seed=8", "lr=0.2 seed=7", "lr=0.2 seed=8"]


def test_architecture_is_every_network_with_its_learning_rate(planned: Planned) -> None:
    cells = planned("sweep=architecture")
    assert sorted(cell.config.model.name for cell in cells) == sorted(path.stem for path in CONF.glob("model/*.yaml"))
    assert names(cells)[0] == "model=simple_cnn lr=0.03"
    assert {cell.config.schedule.name for cell in cells} == {"cosine"}


def test_zipped_values_of_a_preset_can_be_replaced(planned: Planned) -> None:
    both = planned("sweep=architecture", "model=lenet5,cnn_bn", "optimizer.lr=0.2,0.3", "schedule=constant")
    assert names(both) == ["model=lenet5 lr=0.2", "model=cnn_bn lr=0.3"]
    assert {cell.config.schedule.name for cell in both} == {"constant"}
    one = planned("sweep=architecture", "optimizer.lr=0.2")
    assert names(one) == ["model=simple_cnn", "model=lenet5", "model=cnn_bn", "model=residual_net"]
    assert {cell.config.optimizer.lr for cell in one} == {0.2}


def test_own_sweep_zips_and_excludes(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "mine.yaml").write_text(OWN)
    found = planned(f"--config-dir={tmp_path}", "sweep=mine")
    assert names(found) == [
        "lr=0.1 channels=[8] batch_size=32 seed=0",
        "lr=0.1 channels=[8] batch_size=32 seed=1",
        "lr=0.2 channels=[8,16] batch_size=16 seed=0",
        "lr=0.2 channels=[8,16] batch_size=32 seed=0",
    ]
    assert {cell.config.optimizer.clip_norm for cell in found} == {None}


def test_words_zip_and_exclude(planned: Planned) -> None:
    grid = ("-m", "model=simple_cnn,lenet5", "seed=1,2", "optimizer.lr=0.1,0.2", "data.batch_size=8,16")
    choice = (
        "sweep.zip=[optimizer.lr,data.batch_size]",
        "sweep.exclude=[{model: lenet5, optimizer.lr: 0.10}, {seed: 2}]",
    )
    assert names(planned(*grid, *choice)) == [
        "model=simple_cnn lr=0.1 batch_size=8",
        "model=simple_cnn lr=0.2 batch_size=16",
        "model=lenet5 lr=0.2 batch_size=16",
    ]


def test_impossible_combinations_can_be_left_out(planned: Planned) -> None:
    words = ("-m", "data=digits", "model.kernel_size=3,11", "model.padding=0,2")
    assert len(planned(*words, "sweep.exclude=[{model.kernel_size:11,model.padding:0}]")) == 3
