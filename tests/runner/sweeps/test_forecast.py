"""How far the runs of a sweep are, and how long the rest is expected to take."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.config.schema import JoblibConfig, SweepConfig
from experiments.sweeps.forecast import Forecast
from tests.runner.sweeps.cells import finish, rates, rates_and_seeds, record

EPOCHS = {"trainer__epochs": 4}


def test_nothing_is_expected_as_long_as_nothing_is_known(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2)
    assert Forecast(cells, cells[0].config).seconds_left() is None


def test_epochs_left_take_as_long_as_the_known_ones(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, 0.3, **EPOCHS)
    record(cells[0], 0.5, seconds=3.0)
    forecast = Forecast(cells, cells[0].config)
    assert forecast.seconds_left() == pytest.approx((3 + 4 + 4) * 3.0)


def test_run_is_expected_to_take_as_long_as_those_it_has_most_in_common_with(tmp_path: Path) -> None:
    cells = rates_and_seeds(tmp_path, (0.1, 0.2), (0, 1), **EPOCHS)
    record(cells[0], 0.5, 0.5, 0.5, 0.5, seconds=1.0)  # lr 0.1, seed 0
    record(cells[2], 0.5, 0.5, 0.5, 0.5, seconds=7.0)  # lr 0.2, seed 0
    forecast = Forecast(cells, cells[0].config)
    assert forecast.seconds_left() == pytest.approx(4 * 1.0 + 4 * 7.0)


def test_finished_runs_take_no_more_time_whatever_their_epochs(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, **EPOCHS)
    record(cells[0], 0.5, seconds=2.0)
    finish(cells[0], "diverged")
    assert Forecast(cells, cells[0].config).seconds_left() == pytest.approx(4 * 2.0)


def test_runs_to_be_repeated_have_everything_before_them(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, force=True, **EPOCHS)
    record(cells[0], 0.5, seconds=2.0)
    finish(cells[0])
    forecast = Forecast(cells, cells[0].config)
    assert forecast.counts() == "2 runs, 1 to be repeated, 1 new"
    assert forecast.seconds_left() is None


def test_several_at_a_time_share_the_work_but_none_is_faster_for_it(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, 0.3, launcher=JoblibConfig("joblib", n_jobs=2), **EPOCHS)
    record(cells[0], 0.5, 0.5, seconds=1.0)
    assert Forecast(cells, cells[0].config).seconds_left() == pytest.approx((2 + 4 + 4) / 2)
    many = Forecast(cells, replace(cells[0].config, launcher=JoblibConfig("joblib", n_jobs=50)))
    assert many.seconds_left() == pytest.approx(4.0)


def test_halving_leaves_less_to_do(tmp_path: Path) -> None:
    sweep = SweepConfig(zip=[], exclude=[], max_failures=None, halving=True, min_epochs=1, reduction_factor=2)
    cells = rates(tmp_path, 0.1, 0.2, 0.3, 0.4, sweep=sweep, **EPOCHS)
    record(cells[0], 0.5, seconds=1.0)
    forecast = Forecast(cells, cells[0].config)
    assert forecast.jobs == 4 + 2 + 1
    # 3 more runs to the first epoch, 2 from there to the second, 1 from there to the fourth
    assert forecast.seconds_left() == pytest.approx(3 * 1 + 2 * 1 + 1 * 2)


def test_what_ends_is_read_again(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, **EPOCHS)
    forecast = Forecast(cells, cells[0].config)
    record(cells[0], 0.5, 0.5, 0.5, 0.5, seconds=2.0)
    finish(cells[0])
    forecast.end(cells[0])
    assert forecast.seconds_left() == pytest.approx(8.0)
    assert forecast.counts() == "2 runs, 1 finished, 1 new"


def test_counts_say_what_there_is(tmp_path: Path) -> None:
    cells = rates(tmp_path, 0.1, 0.2, 0.3)
    record(cells[0], 0.5)
    record(cells[1], 0.5, 0.5)
    finish(cells[1])
    assert Forecast(cells, cells[0].config).counts() == "3 runs, 1 finished, 1 begun, 1 new"
    assert Forecast(cells[2:], cells[0].config).counts() == "1 run, 1 new"
