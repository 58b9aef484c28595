"""What stands on the sweep's page in MLflow, and the link from there."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

from experiments.comparison.comparison import Comparison, compare
from experiments.comparison.mlflow_description import description
from experiments.comparison.tracked_sweep import tracked_sweep
from experiments.runs.folder import RunFolder
from tests.runner.comparison.made import Made, grid, identity, made_sweep, track

LR, SIZE = "optimizer.lr", "data.batch_size"
LONGEST = 8000  # what MLflow keeps of a tag


def rates(outputs: Path, number: int) -> Comparison:
    return compare(made_sweep(outputs, [Made({LR: str(place)}, [place / number]) for place in range(1, number)]))


def compared_runs(link: str) -> list[str]:
    (runs,) = re.findall(r"[?&]runs=(\[.*?\])&", unquote(link))
    ids: list[str] = json.loads(runs)
    return ids


def test_headline_and_table_are_markdown(outputs: Path) -> None:
    runs = [Made(own, [accuracy]) for own, accuracy in zip(grid({LR: ["1", "2"]}), (0.5, 0.75), strict=True)]
    lines = description(compare(made_sweep(outputs, runs))).splitlines()
    assert lines[0] == "## Take lr = 2"
    assert lines[2].startswith("75.00% test accuracy. Runner-up: lr = 1, 25.00 percentage points behind")
    assert (
        "Chosen by test accuracy: there is no validation split (data.validation\\_fraction=0.1 makes one)." in lines[2]
    )
    assert lines[4].startswith("| lr | test | best |")
    assert set(lines[5]) == set("| -")
    assert lines[6].startswith("| **2** | **75.00%** |")
    assert lines[7].startswith("| 1 | 50.00% |")


def test_link_compares_exactly_these_runs(outputs: Path) -> None:
    comparison = rates(outputs, 5)
    ids = track(comparison.folder)
    (link,) = re.findall(r"\[Compare these runs\]\((#/compare-runs\?\S+)\)", description(comparison))
    assert compared_runs(link) == list(reversed(ids))  # the best first
    assert 'experiments=["7"]' in unquote(link)
    assert not set('"()<> ') & set(link)


def test_description_of_hundreds_of_runs_is_not_cut(outputs: Path) -> None:
    comparison = rates(outputs, 300)
    track(comparison.folder)
    text = description(comparison)
    assert len(text) < LONGEST
    (link,) = re.findall(r"\[List these runs\]\((#/experiments/7/runs\?\S+)\)", text)
    assert f"tags.`mlflow.parentRunId` = '{'f' * 32}'" in unquote(link)
    assert "The best 20 of 299" in text


def test_untracked_sweep_has_no_link(outputs: Path) -> None:
    assert "](" not in description(rates(outputs, 3))


def test_nothing_a_run_brings_with_it_is_markdown(outputs: Path) -> None:
    text = description(compare(made_sweep(outputs, [Made({"model": name}, [0.5]) for name in ("<b>|[x](y)", "b")])))
    assert r"\<b\>\|\[x\](y)" in text
    assert "<b>" not in text


def test_server_is_named_without_its_password(outputs: Path) -> None:
    comparison = rates(outputs, 3)
    track(comparison.folder, uri="https://example.org")
    tracked = tracked_sweep(comparison)
    assert tracked is not None
    assert tracked.link.startswith("https://example.org/#/compare-runs?")


def test_runs_that_are_not_tracked_yet_are_left_out(outputs: Path) -> None:
    comparison = rates(outputs, 4)
    ids = track(comparison.folder)
    (RunFolder(outputs, identity(1)).path / "published.json").unlink()
    tracked = tracked_sweep(comparison)
    assert tracked is not None
    assert tracked.children == [ids[2], ids[0]]


def test_store_in_which_the_sweep_was_shown_last_is_linked(outputs: Path) -> None:
    comparison = rates(outputs, 3)
    track(comparison.folder, uri="https://old.example.org")
    track(comparison.folder, uri="https://new.example.org")
    tracked = tracked_sweep(comparison)
    assert tracked is not None
    assert tracked.uri == "https://new.example.org"
