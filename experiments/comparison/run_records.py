"""What is known of a run, wherever it was recorded: in its folder here, or else in the tracking store alone.

What is read may be damaged, or come from a stranger: it is data, checked, and never more than that.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiments.comparison.experiment_frames import epochs_by_run
from experiments.config.leaves import leaves
from experiments.errors import UserError
from experiments.files import read_json
from experiments.recorders.history import History
from experiments.recorders.store import Store, StoredRun
from experiments.runs.folder import RunFolder

_FACTS = ("outcome", "weights.sha256", "data.sha256", "model.parameters", "model.multiply_adds")
_HEX = re.compile(r"[0-9a-f]{1,32}")
_LISTED = 10  # more candidates than that help nobody

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Args:
        identity: 12 digits.
        run_id: of the MLflow run it was read from; None if it was read from its folder.
        config: values by dotted key, as texts.
        environment: likewise; None if it was not recorded.
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


def find_records(outputs_dir: Path, store: Store, words: Sequence[str]) -> list[RunRecord]:
    """The runs of these identities or MLflow run ids, or the only ones that begin so.

    Raises:
        UserError: there is none, there are several, two words are the same run, or a record is damaged.
    """
    records: dict[str, RunRecord] = {}
    for word in words:
        record = _find(outputs_dir, store, word)
        if record is None:
            raise UserError(f"there is no run beginning with '{word}' in {outputs_dir} or {store.key}")
        for other, known in records.items():
            if (known.identity, known.run_id) == (record.identity, record.run_id):
                raise UserError(f"'{other}' and '{word}' are the same run, {record.identity}; name two that differ")
        records[word] = record
    return list(records.values())


def refuse_single_run(outputs_dir: Path, word: str) -> None:
    """Say what to do with a run, where a sweep was expected and there is none of this name.

    Raises:
        UserError: it is a run, or several begin so.
    """
    identity = _chosen(word, _local_names(outputs_dir))
    if identity is not None:
        raise UserError(f"'{word}' is a run, {identity}, and no sweep; name a second run to compare it with")


def _find(outputs_dir: Path, store: Store, word: str) -> RunRecord | None:
    if not _HEX.fullmatch(word):
        return None
    identity = _chosen(word, _local_names(outputs_dir))
    if identity is not None:
        return _from_folder(RunFolder(outputs_dir, identity))
    stored = None if store.is_missing() else _stored(word, store)
    return _from_store(store, stored) if stored is not None else None


def _local_names(outputs_dir: Path) -> dict[str, str]:
    """The identity by each name a run has here: itself, and the ids of the MLflow runs that show it."""
    names = {}
    for folder in sorted((outputs_dir / "runs").glob("*/")):
        names[folder.name] = folder.name
        for entry in (read_json(folder / "tracked.json") or {}).values():
            if isinstance(entry, dict) and isinstance(entry.get("run_id"), str):
                names[entry["run_id"]] = folder.name
    return names


def _chosen(word: str, names: Mapping[str, str]) -> str | None:
    """What has this name, or the only one of which a name begins so; None if there is none."""
    if word in names:
        return names[word]
    found = sorted({identity for name, identity in names.items() if name.startswith(word)})
    if len(found) > 1:
        raise UserError(_several(word, found))
    return found[0] if found else None


def _several(word: str, found: Sequence[str]) -> str:
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return f"several runs begin with '{word}': {', '.join(found[:_LISTED])}{more}; give more digits"


def _stored(word: str, store: Store) -> StoredRun | None:
    """Look a run up in the store; where it shows an identity several times, it is the latest that is finished."""
    found = [run for key in ("attributes.run_id", "tags.identity") for run in store.search(f"{key} LIKE '{word}%'")]
    runs = {run.run_id: run for run in found if "identity" in run.tags}
    if word in runs:
        return runs[word]
    identities = {run.run_id: run.tags["identity"] for run in runs.values()}
    identity = _chosen(word, identities | {name: name for name in identities.values()})
    same = [run for run in runs.values() if run.tags["identity"] == identity]
    return max(same, key=lambda run: (run.status == "FINISHED", run.begun_ms), default=None)


def _from_store(store: Store, run: StoredRun) -> RunRecord:
    epochs = epochs_by_run(store, [run])[run.run_id]
    environment = _stored_environment(store, run.run_id)
    facts = {"outcome": run.status.lower()} | {key: run.tags[key] for key in _FACTS if key in run.tags}
    return RunRecord(
        identity=run.tags["identity"],
        run_id=run.run_id,
        config=run.params,
        environment=_texts(environment) if environment is not None else None,
        facts=facts,
        metrics=run.metrics,
        history=[metrics for epoch, metrics in epochs.items() if epoch > 0],
        weights=[],
    )


def _stored_environment(store: Store, run_id: str) -> dict[str, Any] | None:
    """None also where the file is damaged: nothing here depends on it, and nobody here can mend it."""
    try:
        content = json.loads(store.file(run_id, "environment.json") or b"null")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _from_folder(folder: RunFolder) -> RunRecord:
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
        metrics = history[-1] if rows else {}
    return RunRecord(
        identity=folder.identity,
        run_id=None,
        config=_config(folder.config),
        environment=_texts(_json(folder.environment)) if folder.environment.exists() else None,
        facts=facts,
        metrics=metrics,
        history=history,
        weights=weights,
    )


def _json(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if content is None:
        raise _damaged(str(path), "it is no JSON object")
    return content


def _config(path: Path) -> dict[str, str]:
    """A configuration as dotted keys and texts; as in MLflow, where it has been texts from the start."""
    try:
        text = path.read_text(encoding="utf-8")
        # Nine names in a row for lists of nine of the name before are a file of a line, and billions of values.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise _damaged(str(path), "no run writes one that refers to itself")
        content = yaml.safe_load(text)
    except FileNotFoundError:
        raise _damaged(str(path), "it is missing") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _damaged(str(path), "it is no YAML") from error
    if not isinstance(content, dict):
        raise _damaged(str(path), "it is no mapping")
    return _texts(content)


def _texts(tree: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in leaves(dict(tree)).items()}


def _numbers(place: str, content: object) -> Metrics:
    """Metrics, if that is what they are."""
    if not isinstance(content, dict):
        raise _damaged(place, "its metrics are missing")
    try:
        return {str(key): float(value) for key, value in content.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise _damaged(place, "a metric is no number") from error


def _damaged(place: str, why: str) -> UserError:
    return UserError(f"{place}: is damaged, {why}; remove the run's folder, and its command makes it again")
