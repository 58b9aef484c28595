"""The lines in which a run says what it does."""

from cnn_core import Summary
from experiments.config.schema import Config
from experiments.data.dataset import Dataset
from experiments.runs.folder import RunFolder
from experiments.training.loop import EpochResult


def opening_line(folder: RunFolder, dataset: Dataset, network: Summary) -> str:
    """What is trained on what."""
    sizes = [f"{len(dataset.train):,} images to train on"]
    if dataset.validation is not None:
        sizes.append(f"{len(dataset.validation):,} to validate")
    sizes.append(f"{len(dataset.test):,} to test")
    return f"run {folder.identity}: {dataset.name}, {', '.join(sizes)}; {network.parameters:,} parameters"


def epoch_line(result: EpochResult, epochs: int) -> str:
    """What came of an epoch."""
    metrics = result.metrics
    validation = f"  val {metrics['val/accuracy']:.2%}" if "val/accuracy" in metrics else ""
    return (
        f"epoch {result.epoch}/{epochs}  loss {metrics['train/loss']:.4f}  train {metrics['train/accuracy']:.2%}"
        f"{validation}  test {metrics['test/accuracy']:.2%}  {metrics['time/epoch_s']:.1f} s"
    )


def checkpoint_is_missing(folder: RunFolder, epochs: int) -> str:
    """Why a run with recorded epochs trains them again."""
    recorded = "epoch is" if epochs == 1 else "epochs are"
    name = folder.checkpoint.name
    return f"run {folder.identity}: {epochs} {recorded} recorded, but {name} is missing; it trains again from the start"


def same_command(config: Config) -> str:
    """Which command goes on with what was interrupted: with `force=true` it would begin again."""
    return "the same command without force=true" if config.force else "the same command"
