"""The typed configuration: every key there is, with its type. Values, defaults and their reasons are in `conf/`.

Classes with a `name` are the alternatives of a group; the name says which one a recorded configuration holds.
Nothing here checks more than types, see `experiments.config.validation`.
"""

from dataclasses import dataclass
from typing import Any

ImageShape = tuple[int, int, int]


@dataclass
class ModelConfig:
    """A network."""

    name: str


@dataclass
class SimpleCNNConfig(ModelConfig):
    """See `cnn_core.models.simple_cnn`."""

    channels: list[int]
    kernel_size: int
    stride: int
    padding: int
    pool: int
    hidden_size: int


@dataclass
class LeNet5Config(ModelConfig):
    """See `cnn_core.models.lenet5`; its sizes are those of the paper."""


@dataclass
class StagedConfig(ModelConfig):
    """Blocks of convolutions in stages, with a mean over the image at the end."""

    channels: list[int]
    blocks: int
    dropout: float


@dataclass
class CnnBnConfig(StagedConfig):
    """See `cnn_core.models.cnn_bn`."""

    kernel_size: int


@dataclass
class ResidualNetConfig(StagedConfig):
    """See `cnn_core.models.residual_net`."""


@dataclass
class OptimizerConfig:
    """An update rule."""

    name: str
    lr: float
    weight_decay: float
    clip_norm: float | None


@dataclass
class SGDConfig(OptimizerConfig):
    """See `cnn_core.optimizers.sgd`."""

    momentum: float
    nesterov: bool


@dataclass
class RMSpropConfig(OptimizerConfig):
    """See `cnn_core.optimizers.rmsprop`."""

    alpha: float
    eps: float
    momentum: float


@dataclass
class AdamConfig(OptimizerConfig):
    """See `cnn_core.optimizers.adam`."""

    beta1: float
    beta2: float
    eps: float


@dataclass
class AdamWConfig(AdamConfig):
    """See `cnn_core.optimizers.adamw`."""


@dataclass
class ScheduleConfig:
    """How the learning rate changes as training goes on."""

    name: str
    warmup_epochs: float


@dataclass
class ConstantScheduleConfig(ScheduleConfig):
    """See `cnn_core.schedules.constant`."""


@dataclass
class StepScheduleConfig(ScheduleConfig):
    """See `cnn_core.schedules.step`."""

    step_epochs: int
    gamma: float


@dataclass
class CosineScheduleConfig(ScheduleConfig):
    """See `cnn_core.schedules.cosine`."""

    final_fraction: float


@dataclass
class OneCycleScheduleConfig(ScheduleConfig):
    """See `cnn_core.schedules.one_cycle`."""

    start_fraction: float
    rise_fraction: float
    final_fraction: float


@dataclass
class DataConfig:
    """A data set and how it is cut. What its images look like is known without reading it."""

    name: str
    batch_size: int
    validation_fraction: float
    root: str

    def image_shape(self) -> ImageShape:
        """(C, H, W) of every image."""
        return 1, 28, 28

    def class_count(self) -> int:
        """How many classes the labels tell apart."""
        return 10


@dataclass
class Mnist5kConfig(DataConfig):
    """See `experiments.data.mnist_5k`."""


@dataclass
class MnistConfig(DataConfig):
    """See `experiments.data.mnist`."""


@dataclass
class FashionMnistConfig(DataConfig):
    """See `experiments.data.mnist`."""


@dataclass
class DigitsConfig(DataConfig):
    """See `experiments.data.digits`."""

    def image_shape(self) -> ImageShape:
        """(C, H, W) of every image."""
        return 1, 8, 8


@dataclass
class SyntheticConfig(DataConfig):
    """See `experiments.data.synthetic`."""

    train_size: int
    test_size: int
    classes: int
    channels: int
    height: int
    width: int

    def image_shape(self) -> ImageShape:
        """(C, H, W) of every image."""
        return self.channels, self.height, self.width

    def class_count(self) -> int:
        """How many classes the labels tell apart."""
        return self.classes


@dataclass
class AugmentationConfig:
    """What is done to training images before they are learned from."""

    name: str


@dataclass
class NoAugmentationConfig(AugmentationConfig):
    """Nothing."""


@dataclass
class TransformationsConfig(AugmentationConfig):
    """See `cnn_core.augmentation`."""

    shift: int
    flip: bool
    crop: float
    cutout: int


@dataclass
class StandardAugmentationConfig(TransformationsConfig):
    """For images whose mirror image is something else, digits for one."""


@dataclass
class ArticlesAugmentationConfig(TransformationsConfig):
    """For pictures of things."""


@dataclass
class TrainerConfig:
    """How long and on what arithmetic."""

    epochs: int
    label_smoothing: float
    dtype: str
    threads: int | None
    checkpoint_minutes: float | None
    keep_checkpoint: bool
    train_accuracy_images: int | None
    evaluation_batch_size: int
    patience: int | None
    min_improvement: float


@dataclass
class TrackingConfig:
    """Where MLflow's store is."""

    uri: str
    experiment: str


@dataclass
class LauncherConfig:
    """How the runs of a sweep are carried out."""

    name: str


@dataclass
class SerialConfig(LauncherConfig):
    """One after the other, in this process."""


@dataclass
class JoblibConfig(LauncherConfig):
    """On several processes of this machine."""

    n_jobs: int


@dataclass
class SweepConfig:
    """Which combinations of a sweep's values are its runs, and when runs are given up. The values themselves come
    with `-m` or from a preset.
    """

    zip: list[Any]
    exclude: list[Any]
    max_failures: int | None
    halving: bool
    min_epochs: int
    reduction_factor: int


@dataclass
class Config:
    """Everything that makes up one run, and the sweep it is part of."""

    model: ModelConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    data: DataConfig
    augmentation: AugmentationConfig
    trainer: TrainerConfig
    tracking: TrackingConfig
    launcher: LauncherConfig
    sweep: SweepConfig
    seed: int
    outputs_dir: str
    force: bool
    dry_run: bool


ALTERNATIVES: dict[str, dict[str, type]] = {
    "model": {
        "simple_cnn": SimpleCNNConfig,
        "lenet5": LeNet5Config,
        "cnn_bn": CnnBnConfig,
        "residual_net": ResidualNetConfig,
    },
    "optimizer": {"sgd": SGDConfig, "rmsprop": RMSpropConfig, "adam": AdamConfig, "adamw": AdamWConfig},
    "schedule": {
        "constant": ConstantScheduleConfig,
        "step": StepScheduleConfig,
        "cosine": CosineScheduleConfig,
        "one_cycle": OneCycleScheduleConfig,
    },
    "data": {
        "mnist_5k": Mnist5kConfig,
        "mnist": MnistConfig,
        "fashion_mnist": FashionMnistConfig,
        "digits": DigitsConfig,
        "synthetic": SyntheticConfig,
    },
    "augmentation": {
        "none": NoAugmentationConfig,
        "standard": StandardAugmentationConfig,
        "articles": ArticlesAugmentationConfig,
    },
    "launcher": {"serial": SerialConfig, "joblib": JoblibConfig},
}

# Keys that hold further keys.
SECTIONS = ("model", "optimizer", "schedule", "data", "augmentation", "trainer", "tracking", "launcher")
