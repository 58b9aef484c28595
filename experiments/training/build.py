"""The one place where typed settings become objects."""

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
from experiments.data.dataset import Dataset
from experiments.data.digits import load_digits
from experiments.data.mnist import load_fashion_mnist, load_mnist
from experiments.data.mnist_5k import load_mnist_5k
from experiments.data.synthetic import make_synthetic
from experiments.training.augmentation import Augmentation
from experiments.training.loop import Plan
from experiments.training.streams import stream


def build_dataset(data: DataConfig, seed: int) -> Dataset:
    """Load or make the images, a validation part set aside where one is asked for.

    Raises:
        DataError: the files are missing, damaged or cannot be had.
    """
    match data:
        case Mnist5kConfig():
            dataset = load_mnist_5k()
        case MnistConfig():
            dataset = load_mnist(Path(data.root))
        case FashionMnistConfig():
            dataset = load_fashion_mnist(Path(data.root))
        case DigitsConfig():
            dataset = load_digits()
        case SyntheticConfig():
            dataset = make_synthetic(
                train=data.train_size,
                test=data.test_size,
                classes=data.classes,
                shape=data.image_shape(),
                seed=seed,
            )
        case _:
            raise TypeError(f"no data set is built from {type(data).__name__}")
    return dataset.with_validation(data.validation_fraction)


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
