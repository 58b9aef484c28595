"""Pages of MLflow's UI worth opening, as links.

Without the switch `workflowType`, the UI opens in a mode for language models that shows no training runs.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

from experiments.store.store import SWEEP_SIZE, Store
from experiments.store.uri import is_server, public

_MODE = "workflowType=machine_learning"


def links(store: Store) -> dict[str, str]:
    """By title: the runs of each experiment that has been used, and those of its latest sweep in a flat list."""
    pages = {}
    for name, experiment_id in store.experiments().items():
        if name == "Default":  # MLflow's own, empty
            continue
        pages[f"experiment {name}"] = f"#/experiments/{quote(experiment_id)}?{_MODE}"
        if sweep := next(store.search(f"tags.`{SWEEP_SIZE}` != ''", [experiment_id]), None):
            pages[f"experiment {name}, latest {sweep.name}"] = children_page(experiment_id, sweep.run_id)
    return pages


def children_page(experiment_id: str, parent: str) -> str:
    """The page of the UI that lists a sweep's runs, without the server's address.

    `/runs` must be in it: from the experiment's page the UI goes on there by itself, but forgets the filter.
    """
    children = quote(f"tags.`mlflow.parentRunId` = '{parent}'")
    return f"#/experiments/{quote(experiment_id)}/runs?{_MODE}&searchFilter={children}"


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """The page of the UI that compares exactly these runs, without the server's address.

    The UI wants `runs` first.

    >>> compare_page("1", ["ab", "cd"])
    '#/compare-runs?runs=[%22ab%22,%22cd%22]&experiments=[%221%22]&workflowType=machine_learning'
    """
    runs, experiments = (
        quote(json.dumps(ids, separators=(",", ":")), safe="[],") for ids in (list(run_ids), [experiment_id])
    )
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{_MODE}"


def server_address(uri: str) -> str:
    """Where a store's UI is: the tracking server's own address, else that of `python -m experiments.ui`.

    >>> server_address("https://user:secret@example.org/"), server_address("sqlite:////tmp/mlflow.db")
    ('https://example.org', 'http://127.0.0.1:5000')
    """
    return public(uri).rstrip("/") if is_server(uri) else "http://127.0.0.1:5000"
