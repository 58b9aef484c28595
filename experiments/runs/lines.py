"""The lines in which a run says what it does."""

from cnn_core import Module
from experiments.data.dataset import Dataset
from experiments.runs.folder import RunFolder
from experiments.training.loop import EpochResult


def opening_line(folder: RunFolder, dataset: Dataset, model: Module) -> str:
    """What is trained on what."""
    sizes = [f"{len(dataset.train):,} images to train on"]
    if dataset.validation is not None:
        sizes.append(f"{len(dataset.validation):,} to validate")
    sizes.append(f"{len(dataset.test):,} to test")
    count = sum(parameter.value.size for parameter in model.parameters())
    return f"run {folder.identity}: {dataset.name}, {', '.join(sizes)}; {count:,} parameters"


def epoch_line(result: EpochResult, epochs: int) -> str:
    """What came of an epoch."""
    metrics = result.metrics
    validation = f"  val {metrics['val/accuracy']:.2%}" if "val/accuracy" in metrics else ""
    return (
        f"epoch {result.epoch}/{epochs}  loss {metrics['train/loss']:.4f}  train {metrics['train/accuracy']:.2%}"
        f"{validation}  test {metrics['test/accuracy']:.2%}  {metrics['time/epoch_s']:.1f} s"
    )
