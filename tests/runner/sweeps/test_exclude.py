"""Combinations that are left out, `sweep.exclude`."""

import re

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.schema import Config
from experiments.config.validation import ConfigError
from experiments.sweeps.axes import combinations, values_by_key
from experiments.sweeps.exclusions import without_excluded
from experiments.sweeps.grid import cells
from tests.runner.sweeps.conftest import Grid

WORDS = ("optimizer.lr=0.1,0.2", "data.batch_size=4,8")


def test_combination_is_left_out_where_every_named_value_is_met(grid: Grid) -> None:
    found = grid(*WORDS, excluded=[{"optimizer.lr": 0.1, "data.batch_size": 8}])
    assert [cell.name for cell in found] == ["lr=0.1 batch_size=4", "lr=0.2 batch_size=4", "lr=0.2 batch_size=8"]


def test_every_entry_counts(grid: Grid) -> None:
    excluded = [{"optimizer.lr": 0.1, "data.batch_size": 8}, {"optimizer.lr": 0.2, "data.batch_size": 4}]
    assert [cell.name for cell in grid(*WORDS, excluded=excluded)] == ["lr=0.1 batch_size=4", "lr=0.2 batch_size=8"]


def test_entries_may_overlap(grid: Grid) -> None:
    excluded = [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.1, "data.batch_size": 8}]
    assert [cell.name for cell in grid(*WORDS, excluded=excluded)] == ["batch_size=4", "batch_size=8"]


def test_key_with_one_value_left_is_not_part_of_the_name(grid: Grid) -> None:
    (first, _) = grid(*WORDS, excluded=[{"optimizer.lr": 0.1}])
    assert (first.name, first.overrides, first.config.optimizer.lr) == ("batch_size=4", {"data.batch_size": "4"}, 0.2)


def left(word: str, value: object) -> list[str]:
    """Which values of a single key are left where this one is excluded."""
    values = values_by_key([OverridesParser.create().parse_override(word)])
    (key,) = values
    return [choice[key].text for choice in without_excluded(combinations(values, []), [{key: value}], values)]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("optimizer.lr=0.10,0.2", 0.1),
        ("optimizer.lr=1e-1,0.2", 0.1),
        ("optimizer.lr=range(0.1,0.3,0.1)", 0.1),
        ("data.batch_size=16,0.2", 16.0),
        ("model.channels=[ 8 ],0.2", [8]),
        ("model.channels=[8,16],0.2", [8.0, 16]),
        ("optimizer.clip_norm=null,0.2", None),
        ("optimizer.nesterov=true,0.2", True),
        ("optimizer=adam,0.2", "adam"),
        ("optimizer='adam',0.2", "adam"),
        ("++optimizer.lr=0.1,0.2", 0.1),
    ],
)
def test_values_are_compared_as_values(word: str, value: object) -> None:
    assert left(word, value) == ["0.2"]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("optimizer.lr=0.1,0.2", "0.1"),
        ("optimizer.nesterov=true,false", 1),
        ("data.batch_size=1,2", True),
        ("model.channels=[1],[2]", [True]),
        ("model.channels=[8],[8,16]", 8),
        ("model.channels=[8],[8,16]", [8, 32]),
        ("optimizer.clip_norm=null,1.0", "null"),
        ("optimizer=adam,sgd", "ada"),
    ],
)
def test_likeness_is_not_enough(word: str, value: object) -> None:
    with pytest.raises(ConfigError, match="leaves out nothing"):
        left(word, value)


def test_what_is_left_out_is_never_composed() -> None:
    # It may be impossible: a kernel larger than its image, say.
    def compose(overrides: list[str]) -> Config:
        raise AssertionError(f"{overrides} was to be left out")

    overrides = OverridesParser.create().parse_overrides(["model.kernel_size=31,33", "seed=0"])
    with pytest.raises(AssertionError, match=r"\['model.kernel_size=33', 'seed=0'\]"):
        cells(overrides, compose, excluded=[{"model.kernel_size": 31}])


def test_zipped_values_that_never_come_together_leave_out_nothing(grid: Grid) -> None:
    zipped, entry = ["optimizer.lr", "data.batch_size"], {"optimizer.lr": 0.1, "data.batch_size": 8}
    with pytest.raises(ConfigError, match="leaves out nothing; its values never come together"):
        grid(*WORDS, zipped=zipped, excluded=[entry])


def test_zipped_combinations_are_left_out_too(grid: Grid) -> None:
    zipped, entry = ["optimizer.lr", "data.batch_size"], {"data.batch_size": 8}
    (cell,) = grid(*WORDS, zipped=zipped, excluded=[entry])
    assert (cell.config.optimizer.lr, cell.config.data.batch_size) == (0.1, 4)


def test_same_run_twice_is_refused_unless_one_is_left_out(grid: Grid) -> None:
    words = ("optimizer.lr=0.1,0.10,0.2",)
    assert len(grid(*words, excluded=[{"optimizer.lr": 0.1}])) == 1
    with pytest.raises(ConfigError, match="two runs of the sweep are the same"):
        grid(*words, excluded=[{"optimizer.lr": 0.2}])


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        ({"optimizer.lrr": 0.1}, "[{optimizer.lrr:0.1}]: optimizer.lrr is not swept; did you mean optimizer.lr?"),
        ({"lr": 0.1}, "[{lr:0.1}]: lr is not swept; did you mean optimizer.lr?"),
        ({1: 0.1}, "[{1:0.1}]: 1 is not swept; swept: optimizer.lr, data.batch_size"),
        ({"seed": 0}, "[{seed:0}]: seed is not swept; swept: optimizer.lr, data.batch_size"),
        ({"optimizer.lr": 0.3}, "[{optimizer.lr:0.3}]: leaves out nothing; optimizer.lr is 0.1 or 0.2"),
        ({}, "[{}]: each entry must name keys and their values, {optimizer.lr:0.1,seed:1}"),
        (1, "[1]: each entry must name keys and their values, {optimizer.lr:0.1,seed:1}"),
        (["optimizer.lr"], "[[optimizer.lr]]: each entry must name keys and their values, {optimizer.lr:0.1,seed:1}"),
        (None, "[null]: each entry must name keys and their values, {optimizer.lr:0.1,seed:1}"),
    ],
)
def test_entries_that_fit_no_values_are_refused(entry: object, refusal: str, grid: Grid) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'sweep.exclude={refusal}')}$"):
        grid(*WORDS, excluded=[{"data.batch_size": 4}, entry])


def test_leaving_out_everything_is_refused(grid: Grid) -> None:
    with pytest.raises(ConfigError, match=r"^sweep\.exclude: leaves nothing to run$"):
        grid(*WORDS, excluded=[{"data.batch_size": 4}, {"data.batch_size": 8}])
