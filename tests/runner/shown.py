"""What MLflow shows, as a folder remembers it, written by hand."""

import json
from dataclasses import asdict
from pathlib import Path

from experiments.tracking.targets import Published, new_target, published, targets


def show(
    folder: Path,
    run_id: str,
    uri: str = "sqlite:////somewhere/mlflow.db",
    sweep: str = "",
    experiment_id: str = "7",
) -> None:
    """Note that this MLflow run shows a folder."""
    target = new_target(uri, "cnn", "name", sweep)
    known = {key: asdict(noted) for key, noted in published(folder).items()}
    shown = {**known, target.key: asdict(Published(run_id, experiment_id, state="all of it"))}
    listed = [asdict(other) for other in [*targets(folder), target]]
    # Without waiting for the disk, for hundreds of runs.
    (folder / "targets.json").write_text(json.dumps({"targets": listed}))
    (folder / "published.json").write_text(json.dumps(shown))
