"""All runs of an MLflow experiment as frames for a notebook: one row a run, one row an epoch of a run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pandas as pd

from experiments.errors import UserError
from experiments.store.store import SWEEP_SIZE, Store, StoredRun
from experiments.untrusted import number

_FROM_TAGS = ("outcome", "sweep.id", "weights.sha256", "data.sha256", "code.sha256")
_WORDS = {"None": None, "True": True, "False": False}
_AT_THE_END = "best/"  # metrics that belong to no epoch


def experiment_runs(store: Store, experiment: str) -> pd.DataFrame:
    """One row a run, the last begun first: what it is, its configuration by dotted key, its last metrics.

    A run that several sweeps share is there once for each of them, as in MLflow. Sweeps themselves are not in it.

    Raises:
        UserError: there is no such experiment.
    """
    return pd.DataFrame(map(_row, _runs(store, experiment)))


def experiment_histories(store: Store, experiment: str) -> pd.DataFrame:
    """One row an epoch of a run: `run_id`, `identity`, `name`, `epoch` and the metrics of that epoch.

    Raises:
        UserError: there is no such experiment.
    """
    runs = _runs(store, experiment)
    rows: list[dict[str, Any]] = []
    epochs = epochs_by_run(store, runs)
    for run in runs:
        known = {"run_id": run.run_id, "identity": run.tags.get("identity"), "name": run.name}
        rows += [{**known, "epoch": epoch, **metrics} for epoch, metrics in epochs[run.run_id].items()]
    return pd.DataFrame(rows)


def epochs_by_run(store: Store, runs: list[StoredRun]) -> dict[str, dict[int, dict[str, float]]]:
    """By run id and epoch, the metrics; of a value that was recorded twice for an epoch, the later one."""
    keys = sorted({key for run in runs for key in run.metrics if not key.startswith(_AT_THE_END)})
    found: dict[str, dict[int, dict[str, float]]] = {run.run_id: {} for run in runs}
    with _without_collector():
        for run_id, key, step, value in store.values(list(found), keys):
            found[run_id].setdefault(step, {})[key] = value
    return {run_id: dict(sorted(epochs.items())) for run_id, epochs in found.items()}


def _runs(store: Store, experiment: str) -> list[StoredRun]:
    if store.is_missing():
        raise UserError(f"{store.key}: there is no store yet; python -m experiments.train makes one")
    experiments = store.experiments()
    if experiment not in experiments:
        raise UserError(f"{store.key}: has no experiment '{experiment}'; it has {', '.join(sorted(experiments))}")
    with _without_collector():
        return [run for run in store.search("", [experiments[experiment]]) if SWEEP_SIZE not in run.tags]


def _row(run: StoredRun) -> dict[str, Any]:
    known = {
        "run_id": run.run_id,
        "identity": run.tags.get("identity"),
        "name": run.name,
        "status": run.status,
        "begun": pd.Timestamp(run.begun_ms, unit="ms", tz="UTC"),
        **{tag: run.tags.get(tag) for tag in _FROM_TAGS},
    }
    params = {key: _value(text) for key, text in run.params.items()}
    return {**known, **params, **run.metrics, **known}  # nobody's parameter takes the place of what is known


@lru_cache(maxsize=10_000)  # of thousands of runs most values are the same
def _value(text: str) -> object:
    """What a parameter was before MLflow made a text of it; lists stay texts, so that rows can be grouped by them."""
    if text in _WORDS:
        return _WORDS[text]
    value = number(text)
    return text if value is None else value


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let the garbage collector rest: it would go through all the objects of MLflow's answer again and again.

    Five thousand runs took twice as long with it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
