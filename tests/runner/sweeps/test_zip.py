"""Keys whose values are taken together, `sweep.zip`."""

import re

import pytest

from experiments.config.validation import ConfigError
from tests.runner.sweeps.conftest import Grid

RATES, SIZES = "optimizer.lr=0.1,0.2", "data.batch_size=4,8"
TOGETHER = ["optimizer.lr", "data.batch_size"]


def test_values_are_taken_first_with_first(grid: Grid) -> None:
    assert [cell.name for cell in grid(RATES, SIZES, zipped=TOGETHER)] == ["lr=0.1 batch_size=4", "lr=0.2 batch_size=8"]


def test_the_rest_is_crossed(grid: Grid) -> None:
    names = [cell.name for cell in grid(RATES, "trainer.epochs=1,2", SIZES, zipped=TOGETHER)]
    assert names == [
        "lr=0.1 epochs=1 batch_size=4", "lr=0.1 epochs=2 batch_size=4",
        "lr=0.2 epochs=1 batch_size=8", "lr=0.2 epochs=2 batch_size=8",
    ]  # fmt: skip


def test_groups_are_crossed_with_one_another(grid: Grid) -> None:
    words = [RATES, SIZES, "trainer.epochs=1,2,3", "seed=1,2,3"]
    found = grid(*words, zipped=[TOGETHER, ["seed", "trainer.epochs"]])
    assert len(found) == 6
    assert {(cell.config.trainer.epochs, cell.config.seed) for cell in found} == {(1, 1), (2, 2), (3, 3)}
    assert {(cell.config.optimizer.lr, cell.config.data.batch_size) for cell in found} == {(0.1, 4), (0.2, 8)}


def test_order_within_a_group_does_not_matter(grid: Grid) -> None:
    assert grid(RATES, SIZES, zipped=TOGETHER[::-1]) == grid(RATES, SIZES, zipped=TOGETHER)


def test_single_value_goes_with_all_of_its_group(grid: Grid) -> None:
    # That is how one value takes the place of a preset's zipped ones.
    found = grid(RATES, SIZES, "optimizer.lr=0.5", zipped=TOGETHER)
    assert [(cell.name, cell.config.optimizer.lr) for cell in found] == [("batch_size=4", 0.5), ("batch_size=8", 0.5)]


def test_group_of_single_values_is_a_single_run(grid: Grid) -> None:
    (cell,) = grid("optimizer.lr=0.5", "data.batch_size=4", zipped=TOGETHER)
    assert cell.name == "single"


def test_same_run_twice_is_refused(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="two runs of the sweep are the same"):
        grid("optimizer.lr=0.1,0.2,0.1", "data.batch_size=4,8,4", zipped=TOGETHER)


@pytest.mark.parametrize(
    ("zipped", "refusal"),
    [
        (["optimizer.lrr", "data.batch_size"], "optimizer.lrr is not swept; did you mean optimizer.lr?"),
        (["lr", "data.batch_size"], "lr is not swept; did you mean optimizer.lr?"),
        (["seed", "optimizer.lr"], "seed is not swept; swept: optimizer.lr, data.batch_size, trainer.epochs"),
        (
            ["optimizer.lr", "trainer.epochs"],
            "equally many values are needed, but optimizer.lr has 2, trainer.epochs has 3; sweep.zip=[] crosses them",
        ),
        ([TOGETHER, ["trainer.epochs", "optimizer.lr"]], "optimizer.lr is named twice"),
        (["optimizer.lr", "optimizer.lr"], "optimizer.lr is named twice"),
        (["optimizer.lr"], "a group has two keys or more"),
        ([[]], "a group has two keys or more"),
        ([1, 2], "must be a list of keys, [a,b], or a list of such lists, [[a,b],[c,d]]"),
        ([TOGETHER, "trainer.epochs"], "must be a list of keys, [a,b], or a list of such lists, [[a,b],[c,d]]"),
        ([[1, "optimizer.lr"]], "must be a list of keys, [a,b], or a list of such lists, [[a,b],[c,d]]"),
        ([{"optimizer.lr": 1}], "must be a list of keys, [a,b], or a list of such lists, [[a,b],[c,d]]"),
    ],
)
def test_groups_that_fit_no_values_are_refused(zipped: list[object], refusal: str, grid: Grid) -> None:
    with pytest.raises(ConfigError, match=rf"^sweep\.zip=\[.*\]: {re.escape(refusal)}$"):
        grid(RATES, SIZES, "trainer.epochs=1,2,3", zipped=zipped)


def test_where_nothing_is_swept_nothing_is_suggested(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="seed is not swept; swept: nothing"):
        grid("optimizer.lr=0.1", zipped=["seed", "optimizer.lr"])
