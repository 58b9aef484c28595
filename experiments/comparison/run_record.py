"""What is known of a run, read from its folder here, or from the tracking store.

What is read may be damaged, or come from a stranger: it is data, checked, and never more than that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.comparison.experiment_frames import epochs_by_run
from experiments.config.leaves import leaves
from experiments.errors import UserError
from experiments.files import read_json
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.runs.status import read_status
from experiments.store.store import Store, StoredRun
from experiments.untrusted import RefusedError, json_file, json_mapping, numbers, yaml_file

_FACTS = ("outcome", "weights.sha256", "data.sha256", "model.parameters", "model.multiply_adds")

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Args:
        identity: 12 digits; a rerun's has its number behind it.
        run_id: of the MLflow run it was read from; None if it was read from its folder.
        config: values by dotted key, as texts.
        environment: likewise; None if it was not recorded, or the record is damaged.
        facts: the outcome and the digests, by name, as far as they are known.
        metrics: of the last epoch, and `best/…`.
        history: of each epoch the metrics.
        weights: of each epoch the digest of the weights; empty if it is not known.
    """

    identity: str
    run_id: str | None
    config: Mapping[str, str]
    environment: Mapping[str, str] | None
    facts: Mapping[str, str]
    metrics: Metrics
    history: Sequence[Metrics]
    weights: Sequence[str]


def record_in_folder(folder: RunFolder) -> RunRecord:
    """Read a run's folder.

    Raises:
        UserError: a file in it is damaged, other than that of the environment: nothing here depends on it.
    """
    rows = History(folder.history).rows()
    history = [_numbers(f"{folder.history}, epoch {row.epoch}", row.metrics) for row in rows]
    weights = [str(row.weights_sha256) for row in rows]
    if folder.finished.exists():
        marker = _json(folder.finished)
        facts = {key: str(marker[key]) for key in _FACTS if key in marker}
        metrics = _numbers(str(folder.finished), marker.get("final"))
    else:
        outcome = "failed" if folder.failure.exists() else "interrupted" if rows else "unfinished"
        facts = {"outcome": outcome} | ({"weights.sha256": weights[-1]} if rows else {})
        if (status := read_status(folder.path)) is not None:
            facts |= {key: text for key, text in status.facts.items() if key == "data.sha256"}
        metrics = history[-1] if rows else {}
    return RunRecord(
        identity=folder.path.name,
        run_id=None,
        config=_config(folder.config),
        environment=_environment(folder.environment),
        facts=facts,
        metrics=metrics,
        history=history,
        weights=weights,
    )


def record_in_store(store: Store, run: StoredRun) -> RunRecord:
    """Read what a store has of a run: its histories and its environment besides what is known."""
    history, weights = _stored_history(store, run)
    facts = {"outcome": run.status.lower()} | {key: run.tags[key] for key in _FACTS if key in run.tags}
    return RunRecord(
        identity=run.tags["identity"],
        run_id=run.run_id,
        config=run.params,
        environment=_stored_environment(store, run.run_id),
        facts=facts,
        metrics=run.metrics,
        history=history,
        weights=weights,
    )


def _stored_history(store: Store, run: StoredRun) -> tuple[list[Metrics], list[str]]:
    """The epochs' metrics and digests, from the run's own history; only metrics where that is missing or behind."""
    epochs = epochs_by_run(store, [run])[run.run_id]
    shown: list[Metrics] = [metrics for epoch, metrics in epochs.items() if epoch > 0]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_bytes(store.file(run.run_id, path.name) or b"")
        rows = History(path).rows()
    if len(rows) < len(shown):
        return shown, []
    return [numbers(row.metrics, run.run_id) for row in rows], [row.weights_sha256 for row in rows]


def _environment(path: Path) -> dict[str, str] | None:
    """None also where the file is damaged."""
    content = read_json(path)
    return None if content is None else as_texts(content)


def _stored_environment(store: Store, run_id: str) -> dict[str, str] | None:
    """None also where the file is damaged."""
    try:
        return as_texts(json_mapping(store.file(run_id, "environment.json") or b"", "environment.json"))
    except RefusedError:
        return None


def _json(path: Path) -> dict[str, Any]:
    try:
        return json_file(path)
    except RefusedError as error:
        raise damaged(error.place, error.reason) from error


def _config(path: Path) -> dict[str, str]:
    """A configuration as dotted keys and texts; as in MLflow, where it has been texts from the start."""
    try:
        return as_texts(yaml_file(path))
    except FileNotFoundError:
        raise damaged(str(path), "it is missing") from None
    except RefusedError as error:
        raise damaged(error.place, error.reason) from error


def as_texts(tree: Mapping[str, Any]) -> dict[str, str]:
    """Nested values as dotted keys and texts."""
    return {key: str(value) for key, value in leaves(dict(tree)).items()}


def _numbers(place: str, content: object) -> Metrics:
    """Metrics, if that is what they are."""
    try:
        return numbers(content, place)
    except RefusedError as error:
        raise damaged(error.place, error.reason) from error


def damaged(place: str, reason: str) -> UserError:
    """The error that says so of a file in a run's folder, and how to mend it."""
    again = "the run's own command (python -m experiments.train …) goes through it again and mends it"
    return UserError(f"{place}: is damaged, {reason}; {again}")
