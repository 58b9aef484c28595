"""How large a run may be: far more than any machine can do, and far less than what no library can count.

What lies between is for the machine to say. A configuration may come from a stranger's record, and one that asks for
10^30 images would end in a library's own error, or in none.
"""

from collections.abc import Iterator
from itertools import pairwise

from cnn_core.models.simple_cnn import simple_cnn_features
from experiments.config.schema import CnnBnConfig, Config, SimpleCNNConfig, StagedConfig, SyntheticConfig
from experiments.untrusted import printable

AT_MOST = {
    "trainer.epochs": 10**6,
    "trainer.threads": 1024,
    "trainer.evaluation_batch_size": 10**9,
    "trainer.train_accuracy_images": 10**9,
    "data.batch_size": 10**9,
    "schedule.step_epochs": 10**9,
    "launcher.n_jobs": 1024,
    "model.kernel_size": 10**6,
    "model.stride": 10**6,
    "model.padding": 10**6,
}
LAYERS = 1000
PIXELS = 10**12  # of all images
VALUES = 10**9  # of an image, between two layers
WEIGHTS = 10**12


def too_large(config: Config) -> Iterator[str]:
    """A line for everything that is, of a configuration whose values are possible otherwise."""
    for key, most in AT_MOST.items():
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section), name, None)
        if value is not None and value > most:
            yield f"{key}={printable(value)}: must be at most {most:,}"
    yield from _images(config)
    yield from _network(config)


def _images(config: Config) -> Iterator[str]:
    data = config.data
    if isinstance(data, SyntheticConfig):
        keys = ("train_size", "test_size", "channels", "height", "width")
        images, (channels, height, width) = data.train_size + data.test_size, data.image_shape()
        if images * channels * height * width > PIXELS:
            yield f"data.{_named(data, keys)}: must make no more than {PIXELS:,} pixels"


def _network(config: Config) -> Iterator[str]:
    model, (inputs, height, width) = config.model, config.data.image_shape()
    match model:
        case SimpleCNNConfig(channels=channels, kernel_size=kernel, padding=padding):
            keys: tuple[str, ...] = ("channels", "kernel_size", "padding", "hidden_size")
            sizes = {key: getattr(model, key) for key in ("kernel_size", "stride", "padding", "pool")}
            features = simple_cnn_features((inputs, height, width), channels=channels, **sizes)
            layers, grown = len(channels), 2 * padding * len(channels)
            connections = (features + config.data.class_count()) * model.hidden_size
        case StagedConfig(channels=channels, blocks=blocks):
            keys, kernel = ("channels", "blocks"), 3
            if isinstance(model, CnnBnConfig):
                keys, kernel = (*keys, "kernel_size"), model.kernel_size
            layers, grown, connections = len(channels) * blocks, 0, 0
        case _:
            return
    weights = sum(before * after for before, after in pairwise([inputs, *channels])) * kernel**2 + connections
    named = _named(model, keys)
    if layers > LAYERS:
        yield f"model.{named}: must make no more than {LAYERS:,} layers"
    elif (height + grown) * (width + grown) * max(channels) > VALUES:
        yield f"model.{named} on {config.data.name}'s images: must make no more than {VALUES:,} values of one"
    elif weights > WEIGHTS:
        yield f"model.{named} on {config.data.name}'s images: must make no more than {WEIGHTS:,} weights"


def _named(section: object, keys: tuple[str, ...]) -> str:
    return ", ".join(f"{key}={printable(getattr(section, key))}" for key in keys)
