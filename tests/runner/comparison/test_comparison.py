"""Which setting is the best: runs and settings in their order, made of what lies in the runs' folders."""

import os
from pathlib import Path

import pytest

from experiments.comparison.compared_run import ComparedRun
from experiments.comparison.comparison import Comparison, compare
from experiments.runs.folder import RunFolder
from tests.runner.comparison.made import Made, grid, identity, made_sweep

LR, SIZE, SEED = "optimizer.lr", "data.batch_size", "seed"


def compared(outputs: Path, *runs: Made) -> Comparison:
    return compare(made_sweep(outputs, runs))


def rate(lr: str, accuracy: float, outcome: str = "completed") -> Made:
    return Made({LR: lr}, [accuracy], outcome)


def seeds(lr: str, *accuracies: float) -> list[Made]:
    return [Made({LR: lr, SEED: str(seed)}, [accuracy]) for seed, accuracy in enumerate(accuracies)]


def order(runs: list[ComparedRun] | object) -> list[int]:
    assert isinstance(runs, list)
    return [int(run.identity, 16) for run in runs]


def test_best_run_stands_first(outputs: Path) -> None:
    comparison = compared(outputs, rate("0.1", 0.5), rate("0.2", 0.9), rate("0.3", 0.7), rate("0.4", 0.6))
    assert order(comparison.runs) == [1, 2, 3, 0]
    assert comparison.best is not None
    assert comparison.best.values == {LR: 0.2}


def test_equals_stay_in_the_order_of_the_sweep(outputs: Path) -> None:
    comparison = compared(outputs, *(rate(lr, 0.5) for lr in ("3", "1", "2")))
    assert [setting.values[LR] for setting in comparison.settings] == [3, 1, 2]
    assert order(comparison.runs) == [0, 1, 2]


def test_equal_means_of_other_summands_are_equal(outputs: Path) -> None:
    tenths = seeds("1", 0.3, 0.2, 0.1), seeds("2", 0.1, 0.2, 0.3)  # summed from left to right they differ
    comparison = compared(outputs, *tenths[0], *tenths[1])
    assert [setting.values[LR] for setting in comparison.settings] == [1, 2]
    assert comparison.settings[0].mean("test/accuracy") == comparison.settings[1].mean("test/accuracy")


def test_mean_and_sample_deviation_over_seeds(outputs: Path) -> None:
    comparison = compared(outputs, *seeds("1", 0.25, 0.5, 0.75), *seeds("2", 0.5, 0.5, 0.875))
    first, second = comparison.settings
    assert (first.values, first.mean("test/accuracy")) == ({LR: 2}, 0.625)
    assert first.deviation("test/accuracy") == pytest.approx((0.09375 / 2) ** 0.5, rel=1e-15)
    assert (second.values, second.mean("test/accuracy")) == ({LR: 1}, 0.5)
    assert second.deviation("test/accuracy") == 0.25
    assert second.mean("train/loss") == 0.5


def test_setting_with_the_best_single_run_is_not_the_best_setting(outputs: Path) -> None:
    comparison = compared(outputs, *seeds("1", 0.99, 0.01), *seeds("2", 0.6, 0.6))
    assert comparison.best is not None
    assert comparison.best.values == {LR: 2}
    assert [comparison.is_best(run) for run in comparison.runs] == [False, True, True, False]


def test_only_completed_seeds_count(outputs: Path) -> None:
    runs = seeds("1", 0.5, 0.7, 0.9)
    runs[2] = runs[2]._replace(outcome="failed")
    (setting,) = compared(outputs, *runs).settings
    assert setting.mean("test/accuracy") == 0.6
    assert len(setting.completed) == 2
    assert setting.outcomes() == {"completed": 2, "failed": 1}


@pytest.mark.parametrize("outcome", ["diverged", "stopped"])
def test_setting_that_is_good_with_some_seeds_only_stands_behind_those_good_with_all(
    outcome: str, outputs: Path
) -> None:
    lucky = [Made({LR: "1", SEED: "0"}, [0.9]), Made({LR: "1", SEED: "1"}, [0.1], outcome)]
    comparison = compared(outputs, *lucky, *seeds("2", 0.6, 0.6))
    assert [setting.values[LR] for setting in comparison.settings] == [2, 1]


def test_deviation_of_a_single_run_is_unknown(outputs: Path) -> None:
    (setting,) = compared(outputs, rate("1", 0.5)).settings
    assert setting.deviation("test/accuracy") is None


@pytest.mark.parametrize("outcome", ["diverged", "failed", "stopped", "interrupted"])
def test_accuracy_of_a_run_that_came_to_nothing_wins_nothing(outcome: str, outputs: Path) -> None:
    comparison = compared(outputs, rate("1", 0.9, outcome), rate("2", 0.5))
    assert [run.outcome for run in comparison.runs] == ["completed", outcome]
    assert comparison.best is not None
    assert comparison.best.values == {LR: 2}


def test_outcomes_are_told_apart(outputs: Path) -> None:
    outcomes = ["completed", "diverged", "failed", "stopped", "interrupted", "unfinished"]
    made = [
        Made({LR: str(place)}, [] if outcome == "unfinished" else [0.5], outcome)
        for place, outcome in enumerate(outcomes)
    ]
    found = {run.identity: run.outcome for run in compared(outputs, *made).runs}
    assert [found[identity(place)] for place in range(6)] == outcomes


def test_runs_without_a_result_stand_last_those_that_came_further_first(outputs: Path) -> None:
    comparison = compared(
        outputs,
        Made({LR: "0"}, [], "unfinished"),
        Made({LR: "1"}, [0.4, 0.4], "stopped"),
        Made({LR: "2"}, [0.1]),
        Made({LR: "3"}, [0.3, 0.3, 0.3], "interrupted"),
        Made({LR: "4"}, [0.5, 0.5], "stopped"),
    )
    assert order(comparison.runs) == [2, 3, 4, 1, 0]


def test_sweep_without_any_result_has_no_best(outputs: Path) -> None:
    comparison = compared(outputs, Made({LR: "1"}, [], "unfinished"), Made({LR: "2"}, [], "failed"))
    assert comparison.best is None
    assert [run.outcome for run in comparison.runs] == ["unfinished", "failed"]


def test_validation_accuracy_decides_where_there_is_any(outputs: Path) -> None:
    comparison = compared(outputs, Made({LR: "1"}, [0.9], validation=[0.4]), Made({LR: "2"}, [0.5], validation=[0.6]))
    assert comparison.selection.metric == "val/accuracy"
    assert str(comparison.selection) == "chosen by validation accuracy"
    assert comparison.best is not None
    assert comparison.best.values == {LR: 2}


def test_test_accuracy_decides_otherwise_and_it_is_said(outputs: Path) -> None:
    comparison = compared(outputs, rate("1", 0.9))
    assert str(comparison.selection) == (
        "chosen by test accuracy: there is no validation split (data.validation_fraction=0.1 makes one)"
    )


def test_runs_with_and_without_a_validation_split_are_compared_by_what_all_have(outputs: Path) -> None:
    comparison = compared(outputs, Made({LR: "1"}, [0.9], validation=[0.1]), rate("2", 0.5))
    assert str(comparison.selection) == "chosen by test accuracy: not every run has a validation split"
    assert comparison.best is not None
    assert comparison.best.values == {LR: 1}


def test_run_without_an_epoch_does_not_say_how_to_choose(outputs: Path) -> None:
    made = [Made({LR: "1"}, [0.9], validation=[0.1]), Made({LR: "2"}, [], "failed")]
    assert compared(outputs, *made).selection.metric == "val/accuracy"


def test_final_accuracy_decides_not_the_best_epochs(outputs: Path) -> None:
    comparison = compared(outputs, Made({LR: "1"}, [0.95, 0.5]), Made({LR: "2"}, [0.1, 0.6]))
    assert comparison.best is not None
    assert comparison.best.values == {LR: 2}
    assert comparison.runs[1].metrics["best/test_accuracy"] == 0.95


def test_levels_are_numbers_in_rising_order_and_words_in_the_order_of_the_sweep(outputs: Path) -> None:
    made = [Made(overrides, [0.5]) for overrides in grid({SIZE: ["128", "16", "1e2"], "model": ["b", "a"]})]
    assert compared(outputs, *made).levels == {SIZE: [16, 100, 128], "model": ["b", "a"]}


def test_run_that_did_not_end_has_the_metrics_of_its_last_epoch(outputs: Path) -> None:
    (run,) = compared(outputs, Made({}, [0.2, 0.6, 0.4], "interrupted")).runs
    assert (run.epochs, run.seconds) == (3, 1.5)
    assert run.metrics["test/accuracy"] == 0.4
    assert (run.metrics["best/test_accuracy"], run.metrics["best/epoch"]) == (0.6, 2)


def test_failure_is_told_in_a_line(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({}, [], "failed")])
    RunFolder(outputs, identity(0)).failure.write_text(
        "Traceback (most recent call last):\n  File\nKeyError: 1\n\nDuring handling …\n\n"
        "Traceback (most recent call last):\n  File\n    raise x\nexperiments.data.DataError: no file; mend\nso\n"
    )
    assert compare(folder).runs[0].error == "DataError: no file; mend"


@pytest.mark.parametrize("text", ["", "Traceback (most recent call last):\n", "  indented\n"])
def test_torn_failure_has_a_line_too(text: str, outputs: Path) -> None:
    (run,) = compared(outputs, Made({}, [], "failed", failure=text)).runs
    assert run.error == "failed"


def test_records_have_the_same_columns_whatever_came_of_a_run(outputs: Path) -> None:
    first, second = compared(outputs, rate("1", 0.5), Made({LR: "2"}, [], "unfinished")).records()
    assert list(first) == list(second)
    assert first | {"identity": identity(0), LR: 1, "outcome": "completed", "test/accuracy": 0.5} == first
    assert (second["test/accuracy"], second["epochs"]) == (None, 0)


def test_failure_that_is_no_file_is_not_waited_for(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({}, [], "failed")])
    (run,) = compare(folder).runs
    failure = RunFolder(outputs, run.identity).failure
    failure.unlink()
    os.mkfifo(failure)
    assert [(run.outcome, run.error) for run in compare(folder).runs] == [("failed", "failed")]
