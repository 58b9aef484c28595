"""The run that is to be run again, as its record has it: in its folder here, or in a tracking store."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from experiments.comparison.run_finder import find_run
from experiments.comparison.run_record import RunRecord, damaged, record_in_folder, record_in_store
from experiments.errors import UserError
from experiments.reruns.verdict import is_time
from experiments.runs.folder import RunFolder
from experiments.store.store import Store
from experiments.tracking.targets import run_ids
from experiments.untrusted import JSON_SIZE, RefusedError, json_mapping, read_bounded

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENDED = ("completed", "diverged")

Files = Callable[[str], bytes | None]  # a file of the record by its name; None if it has none


@dataclass(frozen=True)
class RecordedSource:
    """Where the code of then came from.

    Args:
        commit: of git; None if it was not recorded, or cannot be one.
        dirty: whether there were changes beside it.
        patch: these changes, checked against their digest; None if there were none, or they are not to be had.
    """

    commit: str | None
    dirty: bool
    patch: bytes | None


@dataclass(frozen=True)
class Original:
    """A run that can be run again.

    Args:
        word: names it, and no other.
        mlflow_id: of an MLflow run that shows it, if there is one.
        place: where its record is.
        config: its `config.yaml`.
        record: what came of it.
        source: its code.
        altered: files that are no longer what they were when it finished, as far as that is known.
    """

    word: str
    mlflow_id: str | None
    place: str
    config: bytes
    record: RunRecord
    source: RecordedSource
    altered: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it came to an end of its own; otherwise it is known as far as its epochs go."""
        return self.record.facts.get("outcome") in _ENDED

    @property
    def code(self) -> str | None:
        """The digest of the code that decided its result, if it was recorded."""
        return (self.record.environment or {}).get("code.sha256")


def find_original(outputs_dir: Path, store: Store, word: str) -> Original:
    """The run that a word means: an identity, an MLflow run id, or the beginning of one.

    Raises:
        UserError: there is none, there are several, or its record is damaged or says too little.
    """
    found = find_run(outputs_dir, store, word)
    if isinstance(found, RunFolder):
        shown = run_ids(found.path)
        mlflow_id = next((run_id for run_id in shown if run_id.startswith(word)), shown[-1] if shown else None)
        original = _original(found.path.name, mlflow_id, str(found.path), record_in_folder(found), _folder_files(found))
        original = replace(original, altered=_altered(found))
        if not original.record.history and found.history.exists() and found.history.stat().st_size:
            raise damaged(str(found.history), "its first line is no epoch's")
    else:
        run_id = found.run_id
        place = f"MLflow run {run_id} in {store.key}"
        original = _original(
            run_id, run_id, place, record_in_store(store, found), lambda name: store.file(run_id, name)
        )
    _refuse_empty(original)
    return original


def _folder_files(folder: RunFolder) -> Files:
    def read(name: str) -> bytes | None:
        path = folder.path / name
        return read_bounded(path, JSON_SIZE) if path.exists() else None

    return read


def _altered(folder: RunFolder) -> tuple[str, ...]:
    summary = folder.summary()
    if summary is not None:
        return tuple(folder.changed(summary))
    return (folder.finished.name,) if folder.finished.exists() else ()


def _original(word: str, mlflow_id: str | None, place: str, record: RunRecord, files: Files) -> Original:
    config = files("config.yaml")
    if config is None:
        raise UserError(f"{place}: has no config.yaml, so nobody knows what to run")
    return Original(word, mlflow_id, place, config, record, _source(files))


def _source(files: Files) -> RecordedSource:
    """Records of earlier versions have none; a damaged one counts as none."""
    try:
        known = json_mapping(files("source.json") or b"{}", "source.json")
    except RefusedError:
        known = {}
    commit = known.get("commit")
    patch = files("source.patch")
    if patch is not None and sha256(patch).hexdigest() != known.get("patch.sha256"):
        patch = None
    is_commit = isinstance(commit, str) and _COMMIT.fullmatch(commit) is not None
    return RecordedSource(commit if is_commit else None, known.get("dirty") is True, patch)


def _refuse_empty(original: Original) -> None:
    record = original.record
    if not record.history and record.facts.get("outcome") != "diverged":
        raise UserError(f"{original.place}: no epoch is recorded, so there is nothing to compare a rerun with")
    for epoch, metrics in enumerate(record.history, start=1):
        if all(map(is_time, metrics)):
            raise UserError(f"{original.place}: is damaged, no metric of epoch {epoch} is recorded")
