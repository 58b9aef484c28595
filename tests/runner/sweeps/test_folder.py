"""A sweep's folder, and how sweeps are found again."""

import os
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.sweeps.cell import Cell
from experiments.sweeps.folder import SweepFolder, find_sweep
from tests.runner.configs import small_config


def made(outputs: Path, *ids: str) -> list[SweepFolder]:
    """Sweeps of one run each, begun in this order."""
    folders = [SweepFolder(outputs, name) for name in ids]
    for time, folder in enumerate(folders):
        folder.write_plan([Cell("lr=0.1", {"optimizer.lr": "0.1"}, small_config(outputs))])
        os.utime(folder.plan, (time, time))
    return folders


def test_plan_comes_back(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path, "5eeb")
    plan = [
        Cell(
            f"lr={lr} batch_size=4",
            {"optimizer.lr": lr, "data.batch_size": "4"},
            small_config(tmp_path, optimizer__lr=float(lr)),
        )
        for lr in ("0.2", "0.1")
    ]
    folder.write_plan(plan)
    assert folder.runs() == [
        {"identity": cell.identity, "name": cell.name, "overrides": cell.overrides} for cell in plan
    ]
    assert folder.varying() == ["optimizer.lr", "data.batch_size"]
    assert folder.path == tmp_path / "sweeps" / "5eeb"


def test_latest_sweep_is_found_without_an_id(tmp_path: Path) -> None:
    _, _, last = made(tmp_path, "aaa", "ccc", "bbb")
    assert find_sweep(tmp_path, None) == last


@pytest.mark.parametrize("beginning", ["abc123", "abc1", "ab"])
def test_sweep_is_found_by_the_beginning_of_its_id(beginning: str, tmp_path: Path) -> None:
    wanted, _ = made(tmp_path, "abc123", "bbb")
    assert find_sweep(tmp_path, beginning) == wanted


def test_beginning_of_several_is_refused_and_all_are_named(tmp_path: Path) -> None:
    made(tmp_path, "abc1", "abc2", "bbb")
    with pytest.raises(UserError, match=r"^several sweeps begin with 'abc': abc1, abc2; give more digits$"):
        find_sweep(tmp_path, "abc")


def test_unknown_beginning_is_refused(tmp_path: Path) -> None:
    made(tmp_path, "abc1")
    with pytest.raises(UserError, match=r"^there is no sweep beginning with 'x' in .*; .*train -m"):
        find_sweep(tmp_path, "x")


@pytest.mark.parametrize("folder", [".", "missing"])
def test_folder_without_sweeps_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no sweep in .*; python -m experiments.train -m … makes one$"):
        find_sweep(tmp_path / folder, None)


@pytest.mark.parametrize("content", ["", "{}", '{"runs": []}'])
def test_damaged_plan_is_named(content: str, tmp_path: Path) -> None:
    (folder,) = made(tmp_path, "abc1")
    folder.plan.write_text(content)
    with pytest.raises(UserError, match=r"sweep\.json: is missing or damaged"):
        folder.runs()


@pytest.mark.parametrize(
    "runs",
    ["[1]", '{"a": 1}', "NaN", '[{"identity": "a", "name": "b"}]', '[{"identity": 1, "name": "b", "overrides": {}}]'],
)
def test_plan_of_another_shape_is_damaged(runs: str, tmp_path: Path) -> None:
    (folder,) = made(tmp_path, "abc")
    folder.plan.write_text(f'{{"runs": {runs}}}')
    with pytest.raises(UserError, match="is missing or damaged; the sweep's command writes it again"):
        folder.runs()


def test_sweep_is_found_beside_one_whose_files_are_damaged(tmp_path: Path) -> None:
    first, second = made(tmp_path, "abc", "bbb")
    (first.path / "published.json").write_text('{"a": 5, "b": {"run_id": 5}}')
    (first.path / "targets.json").write_text('{"targets": [5, {"key": 5}]}')
    assert find_sweep(tmp_path, "b") == second
