"""Small configurations written by hand, without Hydra and its files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.config.schema import (
    AdamConfig,
    AdamWConfig,
    CnnBnConfig,
    Config,
    ConstantScheduleConfig,
    CosineScheduleConfig,
    LeNet5Config,
    NoAugmentationConfig,
    OneCycleScheduleConfig,
    ResidualNetConfig,
    RMSpropConfig,
    SerialConfig,
    SGDConfig,
    SimpleCNNConfig,
    StandardAugmentationConfig,
    StepScheduleConfig,
    SweepConfig,
    SyntheticConfig,
    TrackingConfig,
    TrainerConfig,
)


def small_config(outputs: Path, **changes: Any) -> Config:
    """A run of a blink: 24 images of 6×6 in 3 batches, 2 epochs. Keys of `changes` have __ for the dot."""
    config = Config(
        model=SimpleCNNConfig("simple_cnn", channels=[2], kernel_size=3, stride=1, padding=1, pool=2, hidden_size=8),
        optimizer=sgd(),
        schedule=ConstantScheduleConfig("constant", warmup_epochs=0.0),
        data=SyntheticConfig(
            "synthetic",
            batch_size=10,
            validation_fraction=0.0,
            root=str(outputs / "data"),
            train_size=24,
            test_size=12,
            classes=3,
            channels=1,
            height=6,
            width=6,
        ),
        augmentation=NoAugmentationConfig("none"),
        trainer=TrainerConfig(
            epochs=2,
            label_smoothing=0.0,
            dtype="float32",
            threads=1,
            checkpoint_minutes=None,
            keep_checkpoint=False,
            train_accuracy_images=None,
            evaluation_batch_size=7,
            patience=None,
            min_improvement=0.0,
        ),
        tracking=TrackingConfig(uri=f"sqlite:///{outputs}/mlflow.db", experiment="cnn"),
        launcher=SerialConfig("serial"),
        sweep=SweepConfig(zip=[], exclude=[], max_failures=None, halving=False, min_epochs=1, reduction_factor=2),
        seed=0,
        outputs_dir=str(outputs),
        force=False,
        dry_run=False,
    )
    return changed(config, {key.replace("__", "."): value for key, value in changes.items()})


def lenet5() -> LeNet5Config:
    return LeNet5Config("lenet5")


def cnn_bn(**changes: Any) -> CnnBnConfig:
    return replace(CnnBnConfig("cnn_bn", channels=[2], blocks=1, dropout=0.2, kernel_size=3), **changes)


def residual_net(**changes: Any) -> ResidualNetConfig:
    return replace(ResidualNetConfig("residual_net", channels=[2], blocks=1, dropout=0.2), **changes)


def sgd(**changes: Any) -> SGDConfig:
    config = SGDConfig("sgd", lr=0.1, weight_decay=0.0, clip_norm=None, momentum=0.9, nesterov=False)
    return replace(config, **changes)


def rmsprop(**changes: Any) -> RMSpropConfig:
    config = RMSpropConfig("rmsprop", lr=0.01, weight_decay=0.0, clip_norm=None, alpha=0.9, eps=1e-8, momentum=0.5)
    return replace(config, **changes)


def adam(**changes: Any) -> AdamConfig:
    config = AdamConfig("adam", lr=0.01, weight_decay=0.0, clip_norm=None, beta1=0.9, beta2=0.999, eps=1e-8)
    return replace(config, **changes)


def adamw(**changes: Any) -> AdamWConfig:
    config = AdamWConfig("adamw", lr=0.01, weight_decay=0.1, clip_norm=None, beta1=0.9, beta2=0.999, eps=1e-8)
    return replace(config, **changes)


def step(**changes: Any) -> StepScheduleConfig:
    return replace(StepScheduleConfig("step", warmup_epochs=0.0, step_epochs=1, gamma=0.5), **changes)


def cosine(**changes: Any) -> CosineScheduleConfig:
    return replace(CosineScheduleConfig("cosine", warmup_epochs=0.0, final_fraction=0.0), **changes)


def one_cycle(**changes: Any) -> OneCycleScheduleConfig:
    config = OneCycleScheduleConfig(
        "one_cycle", warmup_epochs=0.0, start_fraction=0.1, rise_fraction=0.3, final_fraction=0.01
    )
    return replace(config, **changes)


def shifts(**changes: Any) -> StandardAugmentationConfig:
    return replace(StandardAugmentationConfig("standard", shift=2, flip=False, crop=1.0, cutout=0), **changes)


def changed(config: Config, changes: dict[str, Any]) -> Config:
    """The configuration with other values at these dotted keys."""
    for key, value in changes.items():
        group, _, field = key.rpartition(".")
        inner = replace(getattr(config, group), **{field: value}) if group else value
        config = replace(config, **{group or field: inner})
    return config
