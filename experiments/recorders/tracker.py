"""An experiment in a tracking store: runs are begun, shown and ended through it.

It knows no training. Rows carry their own timestamps: uploading a row twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from experiments.config.schema import Config
from experiments.recorders.abandoned import close_abandoned
from experiments.recorders.history import Row
from experiments.recorders.mlflow_client import Client, TrackerError, mlflow, one_at_a_time, translated
from experiments.recorders.store import Store
from experiments.recorders.uri import is_server, public

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class Tracker:
    """An experiment in a store, made ready on first use.

    Args:
        uri: of the store, as MLflow writes it; a relative SQLite path is read from the current folder.
        experiment: name, created if missing.
        outputs_dir: where runs write. Files go to its folder `artifacts`, if the store is a database on this machine.
    """

    def __init__(self, uri: str, experiment: str, outputs_dir: Path) -> None:
        self._store = Store(uri)
        self.uri = self._store.uri
        self.experiment = experiment
        self._outputs_dir = outputs_dir
        self._experiment_id: str | None = None

    def open(self) -> str:
        """Make the store and the experiment ready, close what was abandoned, and return the experiment's id."""
        if self._experiment_id is None:
            client = self._store.client
            with translated(self.uri), one_at_a_time(self.uri):
                self._experiment_id = self._find_or_create_experiment(client)
            close_abandoned(self._store, self._outputs_dir)
        return self._experiment_id

    @property
    def _client(self) -> Client:
        self.open()
        return self._store.client

    def create(self, name: str, *, tags: Mapping[str, str], begun_ms: int, parent: str | None = None) -> str:
        """Create a run, RUNNING, and return its id."""
        experiment_id = self.open()
        tags = {**tags, "mlflow.source.name": "experiments.train", "mlflow.source.type": "LOCAL"}
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        with translated(self.uri):
            return str(self._client.create_run(experiment_id, begun_ms, tags, run_name=name).info.run_id)

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log the parameters that are not there yet; MLflow lets none be changed."""
        with translated(self.uri):
            param = mlflow().entities.Param
            missing = params.keys() - self._client.get_run(run_id).data.params.keys()
            self._client.log_batch(run_id, params=[param(key, str(params[key])) for key in sorted(missing)])

    def resume(self, run_id: str) -> bool:
        """Set an earlier run RUNNING again; False if the store has it no more."""
        self.open()
        with translated(self.uri):
            try:
                if self._client.get_run(run_id).info.lifecycle_stage != "active":
                    return False
            except mlflow().exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return False
                raise
            self._client.update_run(run_id, status="RUNNING")
        return True

    def log_rows(self, run_id: str, rows: Sequence[Row]) -> None:
        """Log the metrics of epochs, step = epoch."""
        metrics = [(key, value, row) for row in rows for key, value in row.metrics.items()]
        with translated(self.uri):
            metric = mlflow().entities.Metric
            for start in range(0, len(metrics), 1000):  # the most a call takes
                part = metrics[start : start + 1000]
                self._client.log_batch(run_id, [metric(k, v, row.timestamp_ms, row.epoch) for k, v, row in part])

    def log_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags."""
        if tags:
            with translated(self.uri):
                tag = mlflow().entities.RunTag  # in one call: each is a transaction, and waits for the disk
                self._client.log_batch(run_id, tags=[tag(key, value) for key, value in tags.items()])

    def log_files(self, run_id: str, files: Sequence[Path]) -> None:
        """Upload files as artifacts; one that does not exist is left out."""
        with translated(self.uri):
            for file in files:
                if file.exists():
                    self._client.log_artifact(run_id, str(file))

    def finish(self, run_id: str, status: Status) -> None:
        """End a run with this status."""
        with translated(self.uri):
            self._client.set_terminated(run_id, status)

    def _find_or_create_experiment(self, client: Client) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, self._artifact_location()))
        if found.lifecycle_stage != "active":
            raise TrackerError(
                f"tracking.experiment={self.experiment}: "
                f"was deleted in {public(self.uri)}; restore it or choose another"
            )
        return str(found.experiment_id)

    def _artifact_location(self) -> str | None:
        """A tracking server decides for itself where files go."""
        folder = (self._outputs_dir / "artifacts").absolute()
        return None if is_server(self.uri) else folder.as_uri()


def tracker(config: Config) -> Tracker:
    """The tracker of a run's store and experiment, one a process: opening a store is slow."""
    return _tracker(config.tracking.uri, config.tracking.experiment, Path(config.outputs_dir))


_tracker = cache(Tracker)
