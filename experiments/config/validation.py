"""What values are possible, alone and together. Types have been checked before; nothing has been written yet."""

import math
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial

from cnn_core.models.cnn_bn import cnn_bn_maps
from cnn_core.models.lenet5 import lenet5_features
from cnn_core.models.residual_net import residual_net_maps
from cnn_core.models.simple_cnn import simple_cnn_features
from experiments.config.bounds import too_large
from experiments.config.schema import (
    ALTERNATIVES,
    AdamConfig,
    CnnBnConfig,
    Config,
    CosineScheduleConfig,
    ImageShape,
    JoblibConfig,
    LeNet5Config,
    OneCycleScheduleConfig,
    ResidualNetConfig,
    RMSpropConfig,
    SGDConfig,
    SimpleCNNConfig,
    StagedConfig,
    StepScheduleConfig,
    SyntheticConfig,
    TransformationsConfig,
)
from experiments.errors import UserError
from experiments.store.uri import fault_of_address, fault_of_path, public

DTYPES = ("float32", "float64")
_SHOWN = 2


class ConfigError(UserError):
    """A configuration that cannot be run; the message has a line a fault, naming key, value and rule."""


def validate(config: Config) -> None:
    """Check every rule.

    Raises:
        ConfigError: with a line for each of the first faults.
    """
    faults = list(_faults(config)) or list(too_large(config))
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise ConfigError("\n".join(faults[:_SHOWN]) + more)


def validate_alone(config: Config) -> None:
    """Check what must hold of a run that is not part of a sweep.

    Raises:
        ConfigError: it asks for what only several runs can have.
    """
    sweep = config.sweep
    for key, is_set in (("zip", sweep.zip), ("exclude", sweep.exclude), ("halving", sweep.halving)):
        if is_set:
            raise ConfigError(f"sweep.{key}: is about several runs; add -m and values to choose from, KEY=A,B")


def did_you_mean(word: str, words: list[str]) -> str:
    """Name the nearest known word, if one is near.

    >>> did_you_mean("mnst", ["mnist", "digits"])
    '; did you mean mnist?'
    """
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _faults(config: Config) -> Iterator[str]:
    yield from _names(config)
    yield from _model(config)
    yield from _optimizer(config)
    yield from _schedule(config)
    yield from _data(config)
    yield from _augmentation(config)
    yield from _trainer(config)
    yield from _sweep(config)
    if isinstance(config.launcher, JoblibConfig):
        yield from _at_least(1, "launcher.n_jobs", config.launcher.n_jobs)
    yield from _at_least(0, "seed", config.seed)
    for key, value in (
        ("tracking.uri", config.tracking.uri),
        ("tracking.experiment", config.tracking.experiment),
        ("outputs_dir", config.outputs_dir),
    ):
        if not value.strip():
            yield f"{key}='{value}': must not be empty"
    if fault := fault_of_path(config.outputs_dir):
        yield f"outputs_dir={config.outputs_dir}: {fault}"
    elif config.tracking.uri.strip() and (fault := fault_of_address(config.tracking.uri)):
        yield f"tracking.uri={public(config.tracking.uri)}: {fault}"


def _names(config: Config) -> Iterator[str]:
    for group, alternatives in ALTERNATIVES.items():
        node = getattr(config, group)
        if alternatives.get(node.name) is not type(node):
            yield f"{group}.name={node.name}: is set by {group}=…, one of {', '.join(alternatives)}"


def _model(config: Config) -> Iterator[str]:
    match config.model:
        case SimpleCNNConfig() as model:
            yield from _simple_cnn(model, config)
        case LeNet5Config():
            yield from _fits(config, (), lenet5_features)
        case CnnBnConfig() as model:
            yield from _staged(model)
            yield from _at_least(1, "model.kernel_size", model.kernel_size)
            yield from _fits(config, ("channels",), partial(cnn_bn_maps, channels=model.channels or [1]))
        case ResidualNetConfig() as model:
            yield from _staged(model)
            yield from _fits(config, ("channels",), partial(residual_net_maps, channels=model.channels or [1]))


def _simple_cnn(model: SimpleCNNConfig, config: Config) -> Iterator[str]:
    if not model.channels or min(model.channels) < 1:
        yield f"model.channels={model.channels}: must name at least one convolution, each of 1 channel or more"
    sizes = ("kernel_size", "stride", "padding", "pool")
    for key, least in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("pool", 1), ("hidden_size", 1)):
        yield from _at_least(least, f"model.{key}", getattr(model, key))
    if min(model.kernel_size, model.stride, model.pool) >= 1 and model.padding >= 0:
        numbers = {key: getattr(model, key) for key in sizes}
        yield from _fits(config, sizes, partial(simple_cnn_features, channels=model.channels or [1], **numbers))


def _staged(model: StagedConfig) -> Iterator[str]:
    if not model.channels or min(model.channels) < 1:
        yield f"model.channels={model.channels}: must name at least one stage, each of 1 channel or more"
    yield from _at_least(1, "model.blocks", model.blocks)
    yield from _in_unit_interval("model.dropout", model.dropout)


def _fits(config: Config, keys: tuple[str, ...], geometry: Callable[[ImageShape], object]) -> Iterator[str]:
    """Whether something is left of an image at every layer; the keys are those that decide it."""
    shape = config.data.image_shape()
    try:
        geometry(shape)
    except ValueError as error:
        values = ", ".join(f"{key}={getattr(config.model, key)}" for key in keys)
        named = f"model.{values}" if keys else f"model={config.model.name}"
        yield f"{named} on {config.data.name}'s images of {shape}: {error}"


def _optimizer(config: Config) -> Iterator[str]:
    optimizer = config.optimizer
    yield from _positive("optimizer.lr", optimizer.lr)
    if not (math.isfinite(optimizer.weight_decay) and optimizer.weight_decay >= 0):
        yield f"optimizer.weight_decay={optimizer.weight_decay}: must be a finite number, 0 or more"
    if optimizer.clip_norm is not None and not (math.isfinite(optimizer.clip_norm) and optimizer.clip_norm > 0):
        yield f"optimizer.clip_norm={optimizer.clip_norm}: must be null or a finite number above 0"
    match optimizer:
        case SGDConfig(momentum=momentum, nesterov=nesterov):
            yield from _in_unit_interval("optimizer.momentum", momentum)
            if nesterov and momentum == 0:
                yield "optimizer.nesterov=true: needs optimizer.momentum above 0"
        case RMSpropConfig(alpha=alpha, momentum=momentum, eps=eps):
            yield from _in_unit_interval("optimizer.alpha", alpha)
            yield from _in_unit_interval("optimizer.momentum", momentum)
            yield from _positive("optimizer.eps", eps)
        case AdamConfig(beta1=beta1, beta2=beta2, eps=eps):
            yield from _in_unit_interval("optimizer.beta1", beta1)
            yield from _in_unit_interval("optimizer.beta2", beta2)
            yield from _positive("optimizer.eps", eps)


def _schedule(config: Config) -> Iterator[str]:
    schedule, epochs = config.schedule, config.trainer.epochs
    if not (math.isfinite(schedule.warmup_epochs) and schedule.warmup_epochs >= 0):
        yield f"schedule.warmup_epochs={schedule.warmup_epochs}: must be a finite number, 0 or more"
    elif schedule.warmup_epochs >= max(1, epochs):
        yield f"schedule.warmup_epochs={schedule.warmup_epochs}: must be less than trainer.epochs={epochs}"
    match schedule:
        case StepScheduleConfig(step_epochs=step_epochs, gamma=gamma):
            yield from _at_least(1, "schedule.step_epochs", step_epochs)
            yield from _above_zero_up_to_one("schedule.gamma", gamma)
        case CosineScheduleConfig(final_fraction=final):
            yield from _share("schedule.final_fraction", final)
        case OneCycleScheduleConfig(start_fraction=start, rise_fraction=rise, final_fraction=final):
            yield from _above_zero_up_to_one("schedule.start_fraction", start)
            yield from _share("schedule.final_fraction", final)
            if not 0 < rise < 1:
                yield f"schedule.rise_fraction={rise}: must lie between 0 and 1"


def _data(config: Config) -> Iterator[str]:
    data = config.data
    yield from _at_least(1, "data.batch_size", data.batch_size)
    yield from _in_unit_interval("data.validation_fraction", data.validation_fraction)
    if isinstance(data, SyntheticConfig):
        yield from _at_least(2, "data.classes", data.classes)
        if data.classes > 256:
            yield f"data.classes={data.classes}: must be at most 256, labels are bytes"
        for key in ("channels", "height", "width"):
            yield from _at_least(1, f"data.{key}", getattr(data, key))
        for key in ("train_size", "test_size"):
            if getattr(data, key) < max(1, data.classes):
                yield f"data.{key}={getattr(data, key)}: must be at least data.classes={data.classes}"


def _augmentation(config: Config) -> Iterator[str]:
    augmentation = config.augmentation
    if not isinstance(augmentation, TransformationsConfig):
        return
    _, height, width = config.data.image_shape()
    of_images = f"the shorter side of {config.data.name}'s images of {height}×{width}"
    yield from _at_least(0, "augmentation.shift", augmentation.shift)
    if augmentation.shift >= min(height, width):
        yield f"augmentation.shift={augmentation.shift}: must be less than {of_images}"
    yield from _above_zero_up_to_one("augmentation.crop", augmentation.crop)
    yield from _at_least(0, "augmentation.cutout", augmentation.cutout)
    if augmentation.cutout > min(height, width):
        yield f"augmentation.cutout={augmentation.cutout}: must be at most {of_images}"


def _trainer(config: Config) -> Iterator[str]:
    trainer = config.trainer
    yield from _at_least(1, "trainer.epochs", trainer.epochs)
    yield from _in_unit_interval("trainer.label_smoothing", trainer.label_smoothing)
    yield from _at_least(1, "trainer.evaluation_batch_size", trainer.evaluation_batch_size)
    if trainer.threads is not None:
        yield from _at_least(1, "trainer.threads", trainer.threads)
    if trainer.checkpoint_minutes is not None:
        yield from _positive("trainer.checkpoint_minutes", trainer.checkpoint_minutes)
    if trainer.train_accuracy_images is not None:
        yield from _at_least(1, "trainer.train_accuracy_images", trainer.train_accuracy_images)
    if trainer.dtype not in DTYPES:
        near = did_you_mean(trainer.dtype, list(DTYPES))
        yield f"trainer.dtype={trainer.dtype}: must be one of {', '.join(DTYPES)}{near}"
    yield from _early_stopping(config)


def _early_stopping(config: Config) -> Iterator[str]:
    patience, min_improvement = config.trainer.patience, config.trainer.min_improvement
    if not (math.isfinite(min_improvement) and min_improvement >= 0):
        yield f"trainer.min_improvement={min_improvement}: must be a finite number, 0 or more"
    if patience is not None:
        yield from _at_least(1, "trainer.patience", patience)
        if patience >= 1 and config.data.validation_fraction == 0:
            yield f"trainer.patience={patience}: needs data.validation_fraction above 0, it watches val/loss"


def _sweep(config: Config) -> Iterator[str]:
    sweep, epochs = config.sweep, config.trainer.epochs
    if sweep.max_failures is not None:
        yield from _at_least(1, "sweep.max_failures", sweep.max_failures)
    yield from _at_least(1, "sweep.min_epochs", sweep.min_epochs)
    yield from _at_least(2, "sweep.reduction_factor", sweep.reduction_factor)
    if sweep.halving and sweep.min_epochs >= max(1, epochs):
        yield f"sweep.min_epochs={sweep.min_epochs}: must be less than trainer.epochs={epochs}, with sweep.halving=true"


def _at_least(least: int, key: str, value: int) -> Iterator[str]:
    if value < least:
        yield f"{key}={value}: must be at least {least}"


def _in_unit_interval(key: str, value: float) -> Iterator[str]:
    if not 0 <= value < 1:
        yield f"{key}={value}: must lie in [0, 1)"


def _share(key: str, value: float) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield f"{key}={value}: must lie in [0, 1]"


def _above_zero_up_to_one(key: str, value: float) -> Iterator[str]:
    if not 0 < value <= 1:
        yield f"{key}={value}: must lie in (0, 1]"


def _positive(key: str, value: float) -> Iterator[str]:
    if not (math.isfinite(value) and value > 0):
        yield f"{key}={value}: must be a finite number above 0"
