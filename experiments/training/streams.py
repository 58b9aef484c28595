"""All chance in training, as named streams of one seed. A stream has no state to lose: asked again, it begins anew."""

from typing import Literal

import numpy as np

_NUMBERS = {"weights": 0, "order": 1, "augmentation": 2, "dropout": 3}  # never renumber: it would change every result

Stream = Literal["weights", "order", "augmentation", "dropout"]


def stream(seed: int, name: Stream, epoch: int = 0, batch: int | None = None) -> np.random.Generator:
    """The generator for one purpose in one epoch, or in one batch of it; epoch 0 is before the first.

    >>> int(stream(0, "order", epoch=3).integers(1000)) == int(stream(0, "order", epoch=3).integers(1000))
    True
    """
    place = (epoch,) if batch is None else (epoch, batch)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_NUMBERS[name], *place)))
