"""What lies in a run's folder, and a run that is stopped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import Config
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.identity import identity
from experiments.runs.status import read_status
from experiments.tracking.targets import Published, targets, write_published

Stop = Callable[[int, BaseException], None]

# Of 6×6 pixels: a convolution 1→2, pooling by 2, then 2·3·3 features to 8 to 3.
PARAMETERS = (2 * 9 + 2) + (18 * 8 + 8) + (8 * 3 + 3)
MULTIPLY_ADDS = 2 * 9 * 6 * 6 + 18 * 8 + 8 * 3


def folder_of(config: Config) -> RunFolder:
    return RunFolder(Path(config.outputs_dir), identity(config))


def rows(config: Config) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder_of(config).history.read_text().splitlines()]


def without_times(config: Config) -> list[dict[str, Any]]:
    """The history, but for what a clock has put into it."""
    kept = rows(config)
    for row in kept:
        del row["timestamp_ms"], row["sha256"], row["metrics"]["time/epoch_s"], row["metrics"]["time/images_per_s"]
    return kept


def epochs_trained(config: Config) -> int:
    """How many epochs were trained in all attempts together."""
    return folder_of(config).log.read_text().count(" INFO epoch ")


def digest_of(config: Config) -> str:
    summary = folder_of(config).summary()
    assert summary is not None
    return str(summary["weights.sha256"])


def outcome_of(config: Config) -> str:
    """What the last attempt said of itself."""
    status = read_status(folder_of(config).path)
    assert status is not None
    return status.outcome


def shown_completely(config: Config) -> None:
    """Note that MLflow shows all that the folder has, without asking it."""
    for target in targets(folder_of(config).path):
        write_published(folder_of(config).path, target.key, Published("f" * 32, "1", state="all"))


def interrupted(config: Config, stop_after: Stop, epochs: int) -> None:
    stop_after(epochs, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(config)


def interrupted_at_its_end(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry out a run that is interrupted when nothing is left but to say that it is finished."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            execute(config)
