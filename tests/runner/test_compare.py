"""`python -m experiments.compare`: a sweep's comparison from its folders alone, as a table and as frames."""

from pathlib import Path

import pytest

from experiments.compare import histories, main, runs
from experiments.errors import UserError
from experiments.runs.folder import RunFolder
from experiments.runs.history import History, Row
from experiments.sweeps.cell import Cell
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.sweep import run_sweep, sweep_id
from tests.end_to_end.disks import mounted
from tests.runner.configs import small_config
from tests.runner.shown import show

Answer = tuple[int, str, str]


pytestmark = pytest.mark.usefixtures("unpublished")


def swept(outputs: Path) -> SweepFolder:
    cells = [Cell(f"seed={seed}", {"seed": str(seed)}, small_config(outputs, seed=seed)) for seed in (0, 1)]
    run_sweep(cells)
    return SweepFolder(outputs, sweep_id(cells))


@pytest.fixture
def sweep(outputs: Path, capsys: pytest.CaptureFixture[str]) -> SweepFolder:
    """A sweep of two seeds, as `train -m` leaves it."""
    folder = swept(outputs)
    capsys.readouterr()
    return folder


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Answer:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_latest_sweep_is_compared(sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(capsys, "--outputs-dir", str(outputs))
    assert (code, err) == (0, "")
    assert f"sweep {sweep.sweep_id}" in out
    assert all(run["identity"] in out for run in sweep.runs())
    written = (sweep.page, sweep.table, sweep.results, sweep.accuracy, sweep.learning_curves)
    assert out.splitlines()[-5:] == list(map(str, written))


def test_pictures_and_csv_are_made_anew(sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, "--outputs-dir", str(outputs))
    before = sweep.table.read_text()
    for path in (sweep.table, sweep.accuracy):
        path.unlink()
    answer(capsys, "--outputs-dir", str(outputs), sweep.sweep_id[:5])
    assert sweep.table.read_text() == before
    assert sweep.accuracy.exists()


def test_table_is_shown_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mounted(tmp_path / "disk", "size=8m") as disk:
        folder = swept(disk.path / "outputs")
        disk.remount("ro")
        capsys.readouterr()
        code, out, err = answer(capsys, "--outputs-dir", str(folder.outputs_dir))
        assert code == 1
        assert f"sweep {folder.sweep_id}" in out
        assert all(run["identity"] in out for run in folder.runs())
        assert err == f"{folder.path}: Read-only file system; page, CSV, JSON and pictures were not written\n"


def test_sweep_is_found_by_its_run_in_mlflow(
    sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(sweep.path, "f" * 32)
    code, out, _ = answer(capsys, "--outputs-dir", str(outputs), "ff")
    assert code == 0
    assert f"sweep {sweep.sweep_id}" in out


@pytest.mark.parametrize("words", [[], ["0123"]])
def test_unknown_sweep_is_answered_in_a_line(
    words: list[str], outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, "--outputs-dir", str(outputs), *words)
    assert (code, out) == (1, "")
    assert err.startswith("there is no sweep")
    assert len(err.splitlines()) == 1
    assert not outputs.exists()


def test_two_runs_are_set_apart(sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (run["identity"] for run in sweep.runs())
    code, out, err = answer(capsys, "--outputs-dir", str(outputs), first, second)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert [first, second] in lines
    assert ["seed", "0", "1"] in lines
    assert ["environment", "the", "same"] in lines
    assert not [line for line in lines if "optimizer.lr" in line]


def test_run_in_the_place_of_a_sweep_is_answered_in_a_line(
    sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweep.runs()[0]["identity"]
    code, out, err = answer(capsys, "--outputs-dir", str(outputs), run)
    assert (code, out) == (1, "")
    assert err == f"'{run}' is a run, {run}, and no sweep; name a second run to compare it with\n"


def test_unknown_run_is_answered_in_a_line(
    sweep: SweepFolder, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, "--outputs-dir", str(outputs), sweep.runs()[0]["identity"], "none")
    assert (code, out) == (1, "")
    assert err == f"there is no run beginning with 'none' in {outputs} or sqlite:///{outputs}/mlflow.db\n"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "example: python -m experiments.compare " in capsys.readouterr().out


def test_frame_of_runs_has_a_row_a_run(sweep: SweepFolder, outputs: Path) -> None:
    frame = runs(outputs, sweep.sweep_id[:4])
    assert sorted(frame["seed"]) == [0, 1]
    assert {"identity", "name", "outcome", "test/accuracy", "train/loss", "best/test_accuracy"} <= set(frame)
    assert frame["test/accuracy"].is_monotonic_decreasing


def test_frame_of_histories_has_a_row_an_epoch(sweep: SweepFolder, outputs: Path) -> None:
    frame = histories(outputs)
    assert frame[["name", "epoch"]].to_numpy().tolist() == [["seed=0", 1], ["seed=0", 2], ["seed=1", 1], ["seed=1", 2]]
    for run in sweep.runs():
        own = frame[frame["identity"] == run["identity"]]
        rows = History(RunFolder(outputs, run["identity"]).history).rows()
        assert own["train/loss"].tolist() == [row.metrics["train/loss"] for row in rows]


def test_histories_end_where_runs_were_stopped(sweep: SweepFolder, outputs: Path) -> None:
    first, second = sweep.runs()
    RunFolder(outputs, first["identity"]).history.unlink()
    history = History(RunFolder(outputs, second["identity"]).history)
    history.append(Row(3, history.rows()[-1].metrics | {"train/loss": 0.5}, 0, ""))
    frame = histories(outputs)
    assert frame["epoch"].tolist() == [1, 2, 3]
    assert frame["train/loss"].tolist()[2:] == [0.5]


@pytest.mark.parametrize("ask", [runs, histories])
def test_frame_of_an_unknown_sweep_is_refused(ask: object, outputs: Path) -> None:
    assert callable(ask)
    with pytest.raises(UserError, match="there is no sweep"):
        ask(outputs)
