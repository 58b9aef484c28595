"""The one place where typed settings become objects."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from cnn_core import (
    SGD,
    Adam,
    AdamW,
    ConstantSchedule,
    CosineSchedule,
    OneCycleSchedule,
    Optimizer,
    RMSprop,
    Schedule,
    Sequential,
    StepSchedule,
    cnn_bn,
    lenet5,
    residual_net,
    simple_cnn,
)
from experiments.config.schema import (
    AdamConfig,
    AdamWConfig,
    AugmentationConfig,
    CnnBnConfig,
    Config,
    ConstantScheduleConfig,
    CosineScheduleConfig,
    DataConfig,
    DigitsConfig,
    FashionMnistConfig,
    LeNet5Config,
    Mnist5kConfig,
    MnistConfig,
    NoAugmentationConfig,
    OneCycleScheduleConfig,
    OptimizerConfig,
    ResidualNetConfig,
    RMSpropConfig,
    ScheduleConfig,
    SGDConfig,
    SimpleCNNConfig,
    StepScheduleConfig,
    SyntheticConfig,
    TransformationsConfig,
)
from experiments.data.cache import Latest, Origin, cached
from experiments.data.dataset import Dataset
from experiments.data.digits import digits_origin, load_digits
from experiments.data.mnist import load_fashion_mnist, load_mnist, mnist_origin
from experiments.data.mnist_5k import load_mnist_5k, mnist_5k_origin
from experiments.data.sources import FASHION_MNIST, MNIST
from experiments.data.synthetic import make_synthetic
from experiments.training.augmentation import Augmentation
from experiments.training.loop import Plan
from experiments.training.streams import stream

_latest = Latest()


def build_dataset(data: DataConfig, seed: int, cache: Path | None = None) -> Dataset:
    """Load or make the images, a validation part set aside where one is asked for.

    Args:
        data: which images, and how large a part is set aside.
        seed: of images that are made.
        cache: the folder where decoded images are kept; the last ones are also kept in memory, read-only. Without
            it all is done anew.

    Raises:
        DataError: the files are missing, damaged or cannot be had.
    """
    origin, load = _source(data, seed)
    fraction = data.validation_fraction
    if cache is None:
        return load().with_validation(fraction)
    return _latest.get((origin, fraction, cache), lambda: cached(origin, load, cache).with_validation(fraction))


def _source(data: DataConfig, seed: int) -> tuple[Origin, Callable[[], Dataset]]:
    """What a data set is made of, and what makes it."""
    match data:
        case Mnist5kConfig():
            return mnist_5k_origin(), load_mnist_5k
        case MnistConfig(root=root):
            return mnist_origin(MNIST, Path(root)), partial(load_mnist, Path(root))
        case FashionMnistConfig(root=root):
            return mnist_origin(FASHION_MNIST, Path(root)), partial(load_fashion_mnist, Path(root))
        case DigitsConfig():
            return digits_origin(), load_digits
        case SyntheticConfig(train_size=train, test_size=test, classes=classes):
            shape = data.image_shape()
            made = partial(make_synthetic, train=train, test=test, classes=classes, shape=shape, seed=seed)
            # As fast to make as to check, and a sweep over seeds would fill the disk.
            return Origin("synthetic", (repr(made.keywords),), is_cached=False), made
        case _:
            raise TypeError(f"no data set is built from {type(data).__name__}")


def build_model(config: Config) -> Sequential:
    """Build the network with its first weights, a function of the seed alone."""
    shape, classes = config.data.image_shape(), config.data.class_count()
    rng, dtype = stream(config.seed, "weights"), np.dtype(config.trainer.dtype)
    match config.model:
        case SimpleCNNConfig() as model:
            return simple_cnn(
                shape,
                classes,
                channels=model.channels,
                kernel_size=model.kernel_size,
                stride=model.stride,
                padding=model.padding,
                pool=model.pool,
                hidden_size=model.hidden_size,
                rng=rng,
                dtype=dtype,
            )
        case LeNet5Config():
            return lenet5(shape, classes, rng=rng, dtype=dtype)
        case CnnBnConfig() as model:
            return cnn_bn(
                shape,
                classes,
                channels=model.channels,
                blocks=model.blocks,
                kernel_size=model.kernel_size,
                dropout=model.dropout,
                rng=rng,
                dtype=dtype,
            )
        case ResidualNetConfig() as model:
            return residual_net(
                shape,
                classes,
                channels=model.channels,
                blocks=model.blocks,
                dropout=model.dropout,
                rng=rng,
                dtype=dtype,
            )
        case model:
            raise TypeError(f"no network is built from {type(model).__name__}")


def build_optimizer(optimizer: OptimizerConfig, model: Sequential) -> Optimizer:
    """Build the update rule over all of the network's parameters."""
    match optimizer:
        case SGDConfig():
            return SGD(
                model.parameters(),
                lr=optimizer.lr,
                momentum=optimizer.momentum,
                nesterov=optimizer.nesterov,
                weight_decay=optimizer.weight_decay,
            )
        case RMSpropConfig():
            return RMSprop(
                model.parameters(),
                lr=optimizer.lr,
                alpha=optimizer.alpha,
                eps=optimizer.eps,
                momentum=optimizer.momentum,
                weight_decay=optimizer.weight_decay,
            )
        case AdamConfig():
            kind = AdamW if isinstance(optimizer, AdamWConfig) else Adam
            return kind(
                model.parameters(),
                lr=optimizer.lr,
                beta1=optimizer.beta1,
                beta2=optimizer.beta2,
                eps=optimizer.eps,
                weight_decay=optimizer.weight_decay,
            )
        case _:
            raise TypeError(f"no optimizer is built from {type(optimizer).__name__}")


def build_schedule(schedule: ScheduleConfig) -> Schedule:
    """Build the function that says how the learning rate changes."""
    match schedule:
        case ConstantScheduleConfig():
            return ConstantSchedule(warmup_epochs=schedule.warmup_epochs)
        case StepScheduleConfig():
            return StepSchedule(
                step_epochs=schedule.step_epochs, gamma=schedule.gamma, warmup_epochs=schedule.warmup_epochs
            )
        case CosineScheduleConfig():
            return CosineSchedule(final_fraction=schedule.final_fraction, warmup_epochs=schedule.warmup_epochs)
        case OneCycleScheduleConfig():
            return OneCycleSchedule(
                start_fraction=schedule.start_fraction,
                rise_fraction=schedule.rise_fraction,
                final_fraction=schedule.final_fraction,
                warmup_epochs=schedule.warmup_epochs,
            )
        case _:
            raise TypeError(f"no schedule is built from {type(schedule).__name__}")


def build_plan(config: Config) -> Plan:
    """Gather what the training loop needs to know besides network, optimizer and images."""
    return Plan(
        epochs=config.trainer.epochs,
        batch_size=config.data.batch_size,
        evaluation_batch_size=config.trainer.evaluation_batch_size,
        train_accuracy_images=config.trainer.train_accuracy_images,
        dtype=config.trainer.dtype,
        seed=config.seed,
        augmentation=build_augmentation(config.augmentation),
        schedule=build_schedule(config.schedule),
        clip_norm=config.optimizer.clip_norm,
        label_smoothing=config.trainer.label_smoothing,
    )


def build_augmentation(augmentation: AugmentationConfig) -> Augmentation | None:
    """Gather what is done to training images; None where that is nothing at all."""
    match augmentation:
        case NoAugmentationConfig():
            return None
        case TransformationsConfig(shift=shift, flip=flip, crop=crop, cutout=cutout):
            return Augmentation(crop=crop, shift=shift, flip=flip, cutout=cutout)
        case _:
            raise TypeError(f"no augmentation is built from {type(augmentation).__name__}")
