"""Runs by identity or MLflow run id, or the beginning of one: in the folders here, or else in the tracking store.

A rerun has the identity of what it repeats; it is meant where its folder's name is given, `<identity>-<number>`, or its
MLflow run id.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.comparison.run_record import RunRecord, record_in_folder, record_in_store
from experiments.errors import UserError
from experiments.runs.folder import RunFolder
from experiments.store.store import RERUN_OF, SWEEP_SIZE, Store, StoredRun
from experiments.sweeps.folder import sweeps_called
from experiments.tracking.targets import run_ids

_HEX = re.compile(r"[0-9a-f]{1,32}")
_RERUN = re.compile(r"([0-9a-f]{12})-([1-9][0-9]{0,5})")
_LISTED = 10  # more candidates than that help nobody


def find_records(outputs_dir: Path, store: Store, words: Sequence[str]) -> list[RunRecord]:
    """The runs of these identities or MLflow run ids, or the only ones that begin so.

    Raises:
        UserError: there is none, there are several, two words are the same run, or a record is damaged.
    """
    records: dict[str, RunRecord] = {}
    for word in words:
        found = find_run(outputs_dir, store, word)
        record = record_in_folder(found) if isinstance(found, RunFolder) else record_in_store(store, found)
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


def find_run(outputs_dir: Path, store: Store, word: str) -> RunFolder | StoredRun:
    """Where the run of this identity or MLflow run id is, or the only one that begins so; a folder before a store.

    Raises:
        UserError: there is none, or there are several.
    """
    found: RunFolder | StoredRun | None = _local(outputs_dir, word)
    if found is None and _HEX.fullmatch(word) and not store.is_missing():
        found = _stored(word, store)
    if found is None:
        sweeps = _sweeps(outputs_dir, word, store) if _HEX.fullmatch(word) else []
        but = f", but a sweep: {_listed(sweeps)}; name one of its runs" if sweeps else ""
        raise UserError(f"there is no run beginning with '{word}' in {outputs_dir} or {store.key}{but}")
    return found


def _sweeps(outputs_dir: Path, word: str, store: Store) -> list[str]:
    """The sweeps whose ids, or whose runs in MLflow, begin so; a folder before a store."""
    found = [folder.sweep_id for folder in sweeps_called(outputs_dir, word)]
    if not found and not store.is_missing():
        keys = ("attributes.run_id", "tags.`sweep.id`")
        runs = [run for key in keys for run in store.search(f"{key} LIKE '{word}%'") if SWEEP_SIZE in run.tags]
        found = sorted({run.tags.get("sweep.id", run.run_id) for run in runs})
    return found


def _local(outputs_dir: Path, word: str) -> RunFolder | None:
    if rerun := _RERUN.fullmatch(word):
        folder = RunFolder(outputs_dir, rerun[1], int(rerun[2]))
        return folder if folder.path.is_dir() else None
    name = _chosen(word, _local_names(outputs_dir)) if _HEX.fullmatch(word) else None
    if name is not None and (rerun := _RERUN.fullmatch(name)):
        return RunFolder(outputs_dir, rerun[1], int(rerun[2]))
    return None if name is None else RunFolder(outputs_dir, name)


def _local_names(outputs_dir: Path) -> dict[str, str]:
    """The folder by each name a run has here: its identity, and the ids of the MLflow runs that show it."""
    names = {}
    for folder in sorted((outputs_dir / "runs").glob("*/")):
        names[folder.name] = folder.name
        names |= dict.fromkeys(_shown_by(folder), folder.name)
    for folder in sorted((outputs_dir / "reruns").glob("*/")):
        names |= dict.fromkeys(_shown_by(folder), folder.name)
    return names


def _shown_by(folder: Path) -> list[str]:
    """The ids of the MLflow runs that show it; none of a folder that cannot be read: another may be meant."""
    try:
        return run_ids(folder)
    except OSError:
        return []


def _chosen(word: str, names: Mapping[str, str]) -> str | None:
    """What has this name, or the only one of which a name begins so; None if there is none."""
    if word in names:
        return names[word]
    found: dict[str, list[str]] = {}
    for name, identity in names.items():
        if name.startswith(word):
            found.setdefault(identity, []).append(name)
    if len(found) > 1:
        said = [_said(identity, found[identity]) for identity in sorted(found)]
        raise UserError(f"several runs begin with '{word}': {_listed(said)}; give more digits")
    return next(iter(found), None)


def _said(identity: str, names: Sequence[str]) -> str:
    """A run, with what begins so if that is not its identity."""
    return identity if identity in names else f"{identity} (MLflow run {names[0]})"


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(found[:_LISTED]) + more


def _stored(word: str, store: Store) -> StoredRun | None:
    """Look a run up in the store.

    Where it shows an identity several times, it is the latest that is finished, and no rerun if there is another.
    """
    found = [run for key in ("attributes.run_id", "tags.identity") for run in store.search(f"{key} LIKE '{word}%'")]
    runs = {run.run_id: run for run in found if "identity" in run.tags}
    if word in runs:
        return runs[word]
    identities = {run.run_id: run.tags["identity"] for run in runs.values()}
    identity = _chosen(word, identities | {name: name for name in identities.values()})
    same = [run for run in runs.values() if run.tags["identity"] == identity]
    return max(same, key=lambda run: (RERUN_OF not in run.tags, run.status == "FINISHED", run.begun_ms), default=None)
