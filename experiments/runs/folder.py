"""A run's folder, `<outputs_dir>/runs/<identity>/`: every path in it, and what its files say of the run's state.

A rerun has one of its own, `<outputs_dir>/reruns/<identity>-<number>/`: what it is compared with stays as it is.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from experiments.files import read_json, write_json
from experiments.runs.marker import is_whole
from experiments.runs.seal import changed, is_broken, sealed
from experiments.runs.status import STATUS


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    outputs_dir: Path
    identity: str
    rerun: int | None = None  # which one, counted from 1

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """The run whose folder this is."""
        identity, _, number = path.name.partition("-")
        return cls(path.parent.parent, identity, int(number) if path.parent.name == "reruns" else None)

    @property
    def path(self) -> Path:
        """The folder itself."""
        if self.rerun is None:
            return self.outputs_dir / "runs" / self.identity
        return self.outputs_dir / "reruns" / f"{self.identity}-{self.rerun}"

    @property
    def source(self) -> Path:
        """Where the code came from: commit, whether it was changed, and the command line; JSON."""
        return self.path / "source.json"

    @property
    def patch(self) -> Path:
        """What had been changed since that commit, as git writes it; missing if nothing had."""
        return self.path / "source.patch"

    @property
    def config(self) -> Path:
        """The resolved configuration, YAML."""
        return self.path / "config.yaml"

    @property
    def history(self) -> Path:
        """One JSON object an epoch; the truth about the run."""
        return self.path / "history.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Weights and optimizer state after the last epoch, or within the one that was under way."""
        return self.path / "checkpoint.npz"

    @property
    def weights(self) -> Path:
        """The final weights, of a finished run."""
        return self.path / "weights.npz"

    @property
    def log(self) -> Path:
        """What was said while it trained, with times."""
        return self.path / "train.log"

    @property
    def environment(self) -> Path:
        """What the last attempt was computed on and with."""
        return self.path / "environment.json"

    @property
    def network(self) -> Path:
        """The network's layers, with shapes, parameters and multiply-adds: a table."""
        return self.path / "summary.txt"

    @property
    def learning_curve(self) -> Path:
        """The picture of the history."""
        return self.path / "learning_curve.png"

    @property
    def augmentation(self) -> Path:
        """The picture of what augmentation does, if there is any."""
        return self.path / "augmentation.png"

    @property
    def augmentation_images(self) -> Path:
        """What that picture is drawn from."""
        return self.path / "augmentation.npz"

    @property
    def failure(self) -> Path:
        """The traceback, if the last attempt failed."""
        return self.path / "failure.txt"

    @property
    def status(self) -> Path:
        """How far the last attempt came."""
        return self.path / STATUS

    @property
    def finished(self) -> Path:
        """The marker and summary, written last of all."""
        return self.path / "finished.json"

    @property
    def vouched_for(self) -> tuple[Path, ...]:
        """What the marker vouches for: a run that lacks one of these, or has another, is not finished.

        Everything else may be deleted. The weights show by `weights.sha256` that they are those of the marker.
        """
        return (self.config, self.history)

    @property
    def shown(self) -> tuple[Path, ...]:
        """What MLflow gets of it, as far as it is there."""
        described = (self.config, self.environment, self.source, self.patch, self.network, self.history)
        return (*described, self.learning_curve, self.augmentation, self.log, self.failure, self.verdict)

    @property
    def verdict(self) -> Path:
        """Of a rerun: what it repeats and, once that is known, whether it is the same."""
        return self.path / "rerun.json"

    @property
    def former(self) -> Path:
        """A folder: what the run had come to that is being repeated; gone when the repetition is finished."""
        return self.path / "former"

    @property
    def lock(self) -> Path:
        """Held by the process that is at the run."""
        return self.path / "lock"

    def summary(self) -> dict[str, Any] | None:
        """What the marker says; None while the run is not finished, or if the marker is damaged."""
        marker = read_json(self.finished)
        once = (self.environment, self.checkpoint)  # earlier versions vouched for these as well
        return marker if marker and is_whole(marker) and not is_broken(marker, (*self.vouched_for, *once)) else None

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the marker."""
        write_json(self.finished, sealed(result, self.vouched_for))
        rmtree(self.former, ignore_errors=True)

    def changed(self, summary: Mapping[str, Any]) -> list[str]:
        """The names of the files that are missing or changed since the run finished with this summary."""
        return changed(summary, self.vouched_for)

    def remove_checkpoint(self) -> None:
        """Free the disk of a finished run: nothing resumes it. A checkpoint that cannot be removed harms nobody."""
        with suppress(OSError):
            self.checkpoint.unlink(missing_ok=True)

    def clear(self) -> None:
        """Make room for a repetition. What a finished run came to is set aside; the log goes on."""
        results = (
            self.history,
            self.checkpoint,
            self.weights,
        )  # the marker is moved first: without it they are a run to go on with
        if self.finished.exists():
            rmtree(self.former, ignore_errors=True)
            self.former.mkdir()
            for path in (self.finished, *results):
                with suppress(FileNotFoundError):
                    path.replace(self.former / path.name)
        shown = (self.environment, self.source, self.patch, self.network, self.learning_curve, self.augmentation)
        for path in (*results, *shown, self.augmentation_images, self.failure, self.status):
            path.unlink(missing_ok=True)
