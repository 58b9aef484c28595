"""Links to the pages of MLflow's UI."""

from pathlib import Path

from experiments.recorders.tracker import Tracker

from experiments.tracking.links import links
from experiments.tracking.store import Store


def test_links_lead_to_the_runs_and_to_the_latest_sweep(made: Tracker, store_uri: str) -> None:
    experiment = made.open()
    made.create("old sweep", tags={"sweep.size": "2"}, begun_ms=1000)
    parent = made.create("sweep lr (2 runs)", tags={"sweep.size": "2"}, begun_ms=2000)
    made.create("single", tags={}, begun_ms=1000, parent=parent)
    pages = links(Store(store_uri))
    page = f"#/experiments/{experiment}?workflowType=machine_learning"
    assert next(iter(pages.values())) == page
    assert next(iter(pages)) == "experiment cnn"
    ((title, address),) = list(pages.items())[1:]
    assert "sweep lr (2 runs)" in title
    runs = page.replace("?", "/runs?")
    assert address == f"{runs}&searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27{parent}%27"


def test_links_name_every_experiment_that_has_been_used(store_uri: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Tracker(store_uri, name, tmp_path).create("sweep lr (2 runs)", tags={"sweep.size": "2"}, begun_ms=1000)
    pages = links(Store(store_uri))
    assert len(pages) == 4
    assert len(set(pages.values())) == 4


def test_store_without_experiments_has_no_links(store_uri: str) -> None:
    assert links(Store(store_uri)) == {}
