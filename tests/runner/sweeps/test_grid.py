"""Which runs a sweep is made of, and what they are called."""

import re

import pytest

from experiments.config.validation import ConfigError
from experiments.sweeps.names import shortest
from tests.runner.sweeps.conftest import Grid


def test_every_combination_is_a_run(grid: Grid) -> None:
    found = grid("optimizer.lr=0.1,0.2,0.3", "data.batch_size=4,8")
    values = [(cell.config.optimizer.lr, cell.config.data.batch_size) for cell in found]
    assert values == [(0.1, 4), (0.1, 8), (0.2, 4), (0.2, 8), (0.3, 4), (0.3, 8)]


def test_name_says_what_varies_and_nothing_else(grid: Grid) -> None:
    found = grid("trainer.epochs=1", "optimizer.lr=0.1,0.2", "data.batch_size=64")
    assert [cell.name for cell in found] == ["lr=0.1", "lr=0.2"]
    assert [cell.overrides for cell in found] == [{"optimizer.lr": "0.1"}, {"optimizer.lr": "0.2"}]
    assert {cell.config.trainer.epochs for cell in found} == {1}


def test_name_follows_the_order_of_the_command_line(grid: Grid) -> None:
    assert grid("optimizer.lr=0.1,0.2", "data.batch_size=64,32")[0].name == "lr=0.1 batch_size=64"
    assert grid("data.batch_size=64,32", "optimizer.lr=0.1,0.2")[0].name == "batch_size=64 lr=0.1"


def test_last_parts_that_coincide_get_the_whole_key(grid: Grid) -> None:
    found = grid("model.channels=[2],[3]", "data.channels=1,2", "seed=0,1")
    assert found[0].name == "model.channels=[2] data.channels=1 seed=0"


def test_last_parts_coincide_only_among_what_varies(grid: Grid) -> None:
    assert grid("model.channels=[2],[3]", "data.channels=1")[0].name == "channels=[2]"


@pytest.mark.parametrize("words", [("seed=0,1", "optimizer.lr=0.1,0.2"), ("optimizer.lr=0.1,0.2", "seed=0,1")])
def test_runs_that_differ_in_their_seed_only_are_neighbours(words: tuple[str, str], grid: Grid) -> None:
    assert [cell.name for cell in grid(*words)] == ["lr=0.1 seed=0", "lr=0.1 seed=1", "lr=0.2 seed=0", "lr=0.2 seed=1"]


def test_lists_vary_as_a_whole(grid: Grid) -> None:
    found = grid("model.channels=[2],[2,4]")
    assert [vars(cell.config.model)["channels"] for cell in found] == [[2], [2, 4]]
    assert [cell.name for cell in found] == ["channels=[2]", "channels=[2,4]"]


def test_ranges_are_values_too(grid: Grid) -> None:
    assert [cell.config.seed for cell in grid("seed=range(2,5)")] == [2, 3, 4]


def test_steps_of_a_range_do_not_add_up_errors(grid: Grid) -> None:
    assert [cell.config.optimizer.lr for cell in grid("optimizer.lr=range(0.1,0.5,0.1)")] == [0.1, 0.2, 0.3, 0.4]


def test_later_values_of_a_key_take_the_place_of_earlier_ones(grid: Grid) -> None:
    # That is how a preset's values are replaced on the command line.
    found = grid("optimizer.lr=0.1,0.2", "data.batch_size=4,8", "optimizer.lr=0.5,0.6,0.7")
    assert sorted({cell.config.optimizer.lr for cell in found}) == [0.5, 0.6, 0.7]
    assert len(found) == 6


def test_single_value_in_the_place_of_several_no_longer_varies(grid: Grid) -> None:
    found = grid("optimizer.lr=0.1,0.2", "data.batch_size=4,8", "optimizer.lr=0.5")
    assert [cell.name for cell in found] == ["batch_size=4", "batch_size=8"]


def test_sweep_over_nothing_is_a_single_run(grid: Grid) -> None:
    (cell,) = grid("optimizer.lr=0.1")
    assert (cell.name, cell.overrides) == ("single", {})


@pytest.mark.parametrize("word", ["seed=range(0,0)", "seed=range(1,5,0)"])
def test_range_without_values_is_refused_by_its_name(word: str, grid: Grid) -> None:
    with pytest.raises(ConfigError, match=re.escape(word)):
        grid(word, "optimizer.lr=0.1,0.2")


def test_same_runs_are_told_by_what_is_swept(grid: Grid) -> None:
    with pytest.raises(ConfigError, match=r": 'optimizer.lr=0.1' and 'optimizer.lr=0.1'; "):
        grid("data.batch_size=4", "optimizer.lr=0.1,0.10")


@pytest.mark.parametrize("words", [("optimizer.lr=0.1,0.1",), ("optimizer.lr=0.1,0.10",)])
def test_two_values_for_the_same_run_are_refused(words: tuple[str, ...], grid: Grid) -> None:
    with pytest.raises(ConfigError, match=r"two runs of the sweep are the same: '.*' and '.*'; name each value once"):
        grid(*words, "seed=0,1")


@pytest.mark.parametrize(
    "word", ["trainer.threads=1,2", "launcher=serial,joblib", "outputs_dir=a,b", "force=true,false", "sweep=a,b"]
)
def test_what_decides_no_result_cannot_be_swept(word: str, grid: Grid) -> None:
    with pytest.raises(ConfigError, match=f"^{word}: must be one value for all runs, it decides no result"):
        grid(word, "seed=0,1")


def test_plus_signs_are_not_part_of_the_key(grid: Grid) -> None:
    assert grid("++optimizer.lr=0.1,0.2")[0].overrides == {"optimizer.lr": "0.1"}
    assert [cell.config.optimizer.lr for cell in grid("optimizer.lr=0.1,0.2", "++optimizer.lr=0.5,0.6")] == [0.5, 0.6]


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("1.0", "1"),
        ("1000000000.0", "1e+09"),
        ("0.123456789", "0.123456789"),  # six digits would be another number
        ("1e-3", "1e-3"),
        ("64", "64"),
        ("[8]", "[8]"),
        ("adam", "adam"),
        ("", ""),
    ],
)
def test_numbers_are_written_as_short_as_they_can_be(value: str, short: str) -> None:
    assert shortest(value) == short


def test_values_that_cannot_be_listed_are_refused(grid: Grid) -> None:
    with pytest.raises(ConfigError, match=r"^optimizer\.lr=interval\(0,1\): a sweep needs values to choose from"):
        grid("optimizer.lr=interval(0,1)")
