"""Links to the pages of MLflow's UI."""

from experiments.store.links import links
from experiments.store.store import Store


def test_links_lead_to_the_runs_of_each_experiment_and_to_its_latest_sweep(store_uri: str) -> None:
    store = Store(store_uri)
    assert links(store) == {}  # MLflow's own experiment is none of ours
    experiment = store.experiment_id("cnn", None)
    store.create(experiment, "old sweep", {"sweep.size": "2"}, 1000)
    parent = store.create(experiment, "sweep lr (2 runs)", {"sweep.size": "2"}, 2000).run_id
    store.create(experiment, "single", {"mlflow.parentRunId": parent}, 3000)
    store.experiment_id("other", None)
    children = f"/runs?workflowType=machine_learning&searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27{parent}%27"
    pages = links(store)
    assert pages.pop("experiment other").endswith("?workflowType=machine_learning")
    assert pages == {
        "experiment cnn": f"#/experiments/{experiment}?workflowType=machine_learning",
        "experiment cnn, latest sweep lr (2 runs)": f"#/experiments/{experiment}{children}",
    }
