"""What a run takes besides training, measured on real runs."""

from pathlib import Path

import pytest

from experiments.benchmarking.overhead import measure_overhead
from experiments.errors import UserError
from experiments.sweeps.task import Report
from tests.runner.stores import stored_runs

RUNS = 2


def test_total_is_of_every_run_but_the_first_and_all_are_tracked(publishing_here: str, outputs: Path) -> None:
    measured = measure_overhead(outputs, RUNS)
    assert [len(seconds) for seconds in measured.parts().values()] == [RUNS, RUNS]
    assert all(seconds > 0 for seconds in measured.total)
    shown = [run for run in stored_runs(publishing_here).values() if "identity" in run.tags]
    assert [run.status for run in shown] == ["FINISHED"] * (1 + RUNS)


@pytest.mark.usefixtures("unpublished")
@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report(True, "failed: no space left"), "no space left"),
        (Report(False, "90 %", 0.9, ("the disk is slow",)), "slow"),
    ],
)
def test_run_that_fails_or_warns_is_no_measurement(
    report: Report, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.benchmarking.overhead.carry_out", lambda _: report)
    with pytest.raises(UserError, match=said):
        measure_overhead(tmp_path, 1)
