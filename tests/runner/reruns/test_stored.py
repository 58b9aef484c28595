"""Runs that only a tracking store knows, run again from there; nothing is a double."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import rerun
from experiments.config.schema import Config
from experiments.runs.execute import execute
from experiments.runs.identity import identity
from experiments.store.store import Store
from experiments.tracking.targets import run_ids
from tests.runner.configs import small_config
from tests.runner.stores import published

pytestmark = pytest.mark.usefixtures("publishing_here")


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """What the command sets up for a process of its own."""
    logger = logging.getLogger("experiments")
    level = logger.level
    yield
    logger.setLevel(level)


def published_run(config: Config, uri: str) -> str:
    """A run that only the store knows; returns its id there."""
    folder = execute(config).folder
    published(uri, folder.outputs_dir)
    (run_id,) = run_ids(folder.path)
    shutil.rmtree(folder.outputs_dir / "runs")
    return run_id


def test_run_is_run_again_from_a_store_of_another_outputs_dir(
    store_uri: str, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_config(outputs)
    run_id = published_run(config, store_uri)
    words = ["--outputs-dir", str(tmp_path / "here"), "--tracking-uri", store_uri]
    for word in (run_id, identity(config)[:8]):
        assert rerun.main([*words, word]) == 0
        said = capsys.readouterr().out
        assert "identical: 2 epochs, every metric and the weights after each" in said
        assert f"MLflow run {run_id} in {store_uri}" in said
    found = {run.run_id: run for run in Store(store_uri).search("tags.`rerun.of` LIKE '%'")}
    assert {run.tags["rerun.of"] for run in found.values()} == {run_id}
    assert {run.tags["rerun.result"] for run in found.values()} == {"identical"}


def test_history_that_the_store_lost_is_made_up_for_by_its_metrics(
    store_uri: str, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = published_run(small_config(outputs), store_uri)
    (path,) = outputs.rglob("history.jsonl")
    path.unlink()
    words = ["--outputs-dir", str(tmp_path / "here"), "--tracking-uri", store_uri, run_id]
    assert rerun.main(words) == 0
    said = capsys.readouterr().out
    assert "identical: 2 epochs, every metric to the last bit, and what is recorded of the weights" in said
