"""A store that takes metrics, and no files: every run of a sweep is shown as it is, and later its files as well."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.faults import job
from tests.faults.evidence import (
    Result,
    left_behind,
    left_marks,
    left_open,
    lost_in_folder,
    lost_in_store,
    result,
    stored_runs,
    unusual,
)
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import Started, fork
from tests.faults.trial import Trial, without_repetitions

KIND = "files"
_SEEDS = "0,1,2"
_EPOCHS = 3
_LINGERS = 10.0  # seconds that the command may take longer because of it


class _Store(NamedTuple):
    """A store that refuses files until `mend` is called."""

    uri: str
    database: Path
    artifacts: Path
    experiment: str
    mend: Callable[[], object]


def trial(seed: int, ground: Ground) -> Trial:
    """One sweep; the ways in which files are refused take turns."""
    outputs = ground.outputs(KIND)
    name = list(_WAYS)[seed % len(_WAYS)]
    expected, seconds = _expected(ground)
    store = _WAYS[name](outputs, ground)
    command = _sweep(outputs, store.uri, store.experiment)
    lost = came_to_an_end(command)
    took = time.monotonic() - command.begun
    lost += [f"it takes {took:.0f} s instead of {seconds:.0f}"] if took > seconds + _LINGERS else []
    lost += [f"it says {said}" for said in [unusual(command.err)] if len(said) != 1]
    lost += left_open(store.database, store.experiment)
    for folder in (outputs / "runs").iterdir():
        lost += [what for what in _lost(folder, store, expected) if not what.startswith("the store misses files")]
        found = stored_runs(store.database, folder.name, store.experiment)
        lost += [f"{run.run_id} is {run.status}" for run in found if run.status != "FINISHED"]
    lost += [] if len(left_marks(outputs)) == len(_SEEDS.split(",")) + 1 else ["marks are gone before there are files"]
    store.mend()
    synced = fork(["sync", "--outputs-dir", str(outputs), "--tracking-uri", store.uri], outputs.parent)
    lost += came_to_an_end(synced) + left_behind(outputs)
    for folder in (outputs / "runs").iterdir():
        lost += _lost(folder, store, expected)
    return Trial("store refuses files", seed, name, without_repetitions(lost), command.err + synced.err)


def _lost(folder: Path, store: _Store, expected: dict[str, Result]) -> list[str]:
    result, experiment = expected[folder.name], store.experiment
    return lost_in_folder(folder, result) + lost_in_store(
        store.database, store.artifacts, folder, result, experiment=experiment
    )


def _sweep(outputs: Path, uri: str, experiment: str) -> Started:
    where = [f"tracking.uri={uri}", f"tracking.experiment={experiment}"]
    name, *words = job.words(outputs, *where, epochs=_EPOCHS)
    return fork([name, "-m", *words, f"seed={_SEEDS}"], outputs.parent)


@cache
def _expected(ground: Ground) -> tuple[dict[str, Result], float]:
    """What every run comes to where its files are taken, by identity, and how long the sweep takes."""
    outputs = ground.outputs(KIND)
    command = _sweep(outputs, f"sqlite:///{outputs}/mlflow.db", "cnn")
    assert command.wait() == 0, command.err
    seconds = time.monotonic() - command.begun
    return {folder.name: result(folder) for folder in (outputs / "runs").iterdir()}, seconds


def _no_folder(outputs: Path, _: Ground) -> _Store:
    artifacts = outputs / "artifacts"
    artifacts.touch()
    return _Store(f"sqlite:///{outputs}/mlflow.db", outputs / "mlflow.db", artifacts, "cnn", artifacts.unlink)


def _object_store(outputs: Path, _: Ground) -> _Store:
    """A bucket that nobody has; it is mended as its owner would, in the database."""
    database, artifacts = outputs / "mlflow.db", outputs / "there"

    def changed(statement: str, *values: str) -> None:
        with closing(sqlite3.connect(database)) as store, store:
            store.execute(statement, values)

    def mend() -> None:
        changed("UPDATE runs SET artifact_uri = replace(artifact_uri, 's3://nobody', ?)", artifacts.as_uri())

    changed(
        "INSERT INTO experiments (name, artifact_location, lifecycle_stage, workspace)"
        " VALUES ('cnn', 's3://nobody', 'active', 'default')"
    )
    return _Store(f"sqlite:///{database}", database, artifacts, "cnn", mend)


def _server(outputs: Path, ground: Ground) -> _Store:
    site = ground.site
    site.heal()
    folder = site.server.artifacts
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    folder.touch()

    def mend() -> None:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)

    return _Store(site.uri(None), site.server.database, folder, outputs.parent.name, mend)


_WAYS: dict[str, Callable[[Path, Ground], _Store]] = {
    "its folder is a file": _no_folder,
    "it names a bucket of nobody's": _object_store,
    "a server cannot write its folder": _server,
}
