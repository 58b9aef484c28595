"""An experiment in a tracking store: runs are begun, shown and ended through it.

It knows no training. Rows carry their own timestamps: uploading a row twice changes nothing.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from experiments.recorders.artifacts import write_artifact
from experiments.recorders.book import Status
from experiments.recorders.history import Row
from experiments.recorders.mlflow_client import (
    Client,
    StoreRefusesError,
    checked_run_id,
    mlflow,
    one_at_a_time,
    translated,
)
from experiments.recorders.store import Store
from experiments.recorders.uri import is_elsewhere, is_server, public

_log = logging.getLogger(__name__)

_METRICS, _PARAMS = 1000, 100  # the most that a call takes
_PARENT = "mlflow.parentRunId"


class Tracker:
    """An experiment in a store, made ready on first use.

    Args:
        uri: of the store, as MLflow writes it; a relative SQLite path is read from the current folder.
        experiment: name, created if missing.
        outputs_dir: where runs write. Files go to its folder `artifacts`, if the store is a database on this machine.

    Every method raises TrackerError where the store cannot be reached or refuses.
    """

    def __init__(self, uri: str, experiment: str, outputs_dir: Path) -> None:
        self._store = Store(uri)
        self.uri = self._store.uri
        self.experiment = experiment
        self._outputs_dir = outputs_dir
        self._experiment_id: str | None = None
        self._said_that_files_stay = False

    def open(self) -> str:
        """Make the store and the experiment ready, and return the experiment's id."""
        if self._experiment_id is None:
            client = self._store.client
            with translated(self.uri), one_at_a_time(self.uri):
                self._experiment_id = self._find_or_create_experiment(client)
        return self._experiment_id

    def forget(self) -> None:
        """Take nothing for granted any more: a server that failed may come back as another."""
        self._experiment_id = None

    def create(self, name: str, *, tags: Mapping[str, str], begun_ms: int, parent: str | None = None) -> str:
        """Create a run, RUNNING, and return its id."""
        experiment_id = self.open()
        with translated(self.uri):
            run = self._client.create_run(experiment_id, begun_ms, {**tags, **_parent(parent)}, run_name=name)
            return checked_run_id(run.info.run_id)

    def created(self, *, tags: Mapping[str, str], begun_ms: int, parent: str | None) -> list[str]:
        """The ids of the runs that were created with these words."""
        experiment_id = self.open()
        wanted = {**tags, **_parent(parent)}.items()
        found = self._store.search(f"attributes.start_time = {begun_ms}", [experiment_id])
        return [run.run_id for run in found if wanted <= run.tags.items()]

    def params(self, run_id: str) -> set[str] | None:
        """The names of the parameters that a run shows; None if the store has the run no more."""
        self.open()
        with translated(self.uri):
            try:
                run = self._client.get_run(run_id)
            except mlflow().exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
            return set(run.data.params) if run.info.lifecycle_stage == "active" else None

    def log(self, run_id: str, *, params: Mapping[str, str], tags: Mapping[str, str], rows: Sequence[Row]) -> None:
        """Log parameters, tags, and the metrics of epochs, step = epoch; in one call where they fit: each is a
        transaction, and waits for the disk.
        """
        entities = mlflow().entities
        metrics = [
            entities.Metric(key, value, row.timestamp_ms, row.epoch)
            for row in rows
            for key, value in row.metrics.items()
        ]
        texts = [entities.Param(key, value) for key, value in sorted(params.items())]
        marks = [entities.RunTag(key, value) for key, value in tags.items()]
        with translated(self.uri):
            calls = max(1, -(-len(metrics) // _METRICS), -(-len(texts) // _PARAMS), -(-len(marks) // _PARAMS))
            for call in range(calls):
                self._client.log_batch(
                    run_id,
                    metrics[call * _METRICS : (call + 1) * _METRICS],
                    texts[call * _PARAMS : (call + 1) * _PARAMS],
                    marks[call * _PARAMS : (call + 1) * _PARAMS],
                    synchronous=True,  # else MLFLOW_ENABLE_ASYNC_LOGGING would have what fails look like done
                )

    def log_file(self, run_id: str, file: Path) -> None:
        """Upload a file as an artifact; nothing where a server elsewhere names what may be on this machine."""
        with translated(self.uri):
            if not is_elsewhere(self.uri):
                self._client.log_artifact(run_id, str(file))
            elif not write_artifact(self._client, self.uri, run_id, file):
                self._say_that_files_stay()

    def set_status(self, run_id: str, status: Status, ended_ms: int | None) -> None:
        """Say that a run is RUNNING, or how and when it ended."""
        with translated(self.uri):
            if status == "RUNNING":
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, status, ended_ms)

    def interrupt(self, run_id: str) -> None:
        """End a run that is RUNNING and that nobody works at any more, if it is there."""
        if self.params(run_id) is not None and self._store.is_running(run_id):
            self._store.interrupt(run_id)

    def delete(self, run_id: str) -> None:
        """Delete a run that was created twice."""
        with translated(self.uri):
            self._client.delete_run(run_id)

    def _say_that_files_stay(self) -> None:
        if not self._said_that_files_stay:
            self._said_that_files_stay = True
            said = "tracking.uri=%s: keeps files where this machine would be written to; they stay in outputs_dir"
            _log.warning(said, public(self.uri))

    @property
    def _client(self) -> Client:
        return self._store.client

    def _find_or_create_experiment(self, client: Client) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, self._artifact_location()))
        if found.lifecycle_stage != "active":
            raise StoreRefusesError(
                f"tracking.experiment={self.experiment}: "
                f"was deleted in {public(self.uri)}; restore it or choose another"
            )
        return str(found.experiment_id)

    def _artifact_location(self) -> str | None:
        """A tracking server decides for itself where files go."""
        folder = (self._outputs_dir / "artifacts").absolute()
        return None if is_server(self.uri) else folder.as_uri()


def _parent(run_id: str | None) -> dict[str, str]:
    return {} if run_id is None else {_PARENT: run_id}


@cache
def tracker(uri: str, experiment: str, outputs_dir: Path) -> Tracker:
    """The tracker of a store and experiment, one a process: opening a store is slow."""
    return Tracker(uri, experiment, outputs_dir)
