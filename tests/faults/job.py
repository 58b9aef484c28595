"""The run that faults are injected into: tiny, but with everything that an interruption could lose the thread of."""

from pathlib import Path

EPOCHS = 8
IMAGES = 40
CLASSES = 3
WORDS = (
    "data=synthetic",
    f"data.classes={CLASSES}",
    "data.test_size=12",
    "data.height=6",
    "data.width=6",
    "data.batch_size=10",
    "data.validation_fraction=0.2",
    "model=cnn_bn",  # it has running means, and draws what it drops out
    "model.channels=[4,6]",
    "model.dropout=0.3",
    "optimizer=adam",
    "schedule=one_cycle",
    "augmentation=articles",
    "augmentation.crop=0.8",
    "augmentation.cutout=2",
)


def words(outputs: Path, *more: str, epochs: int = EPOCHS, images: int = IMAGES) -> list[str]:
    """The command that carries it out."""
    size = [f"trainer.epochs={epochs}", f"data.train_size={images}"]
    return ["train", *WORDS, *size, f"outputs_dir={outputs}", *more]
