"""A checkpoint, which is all that it takes to resume a run: weights, optimizer state, place. And the weights alone."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_core import Module, Optimizer, load_state, save_state
from experiments.interruption import undisturbed
from experiments.training.loop import Place

_MODEL, _OPTIMIZER = "model/", "optimizer/"

Arrays = dict[str, npt.NDArray[Any]]


def save_checkpoint(path: Path, model: Module, optimizer: Optimizer, place: Place) -> None:
    """Write the state at a place; the previous checkpoint is replaced in one step."""
    with undisturbed():  # an archive that is cut off cannot be closed, and would look like a failure of the run
        save_state(path, _numbers(place) | _state(model, optimizer))


def load_checkpoint(path: Path, model: Module, optimizer: Optimizer, *, epochs: int, steps: int) -> Place:
    """Take up the state of a checkpoint and return its place.

    Args:
        path: of the file.
        model: gets the weights and statistics.
        optimizer: gets its state.
        epochs: that there are at the most.
        steps: that an epoch has.

    Raises:
        ValueError: the file is damaged, belongs to another network or optimizer, or names a place that cannot be; what
            model and optimizer hold then is of no use.
        OSError: it cannot be read.
    """
    arrays = load_state(path, limit=_size(_state(model, optimizer)) + _size(_numbers(Place())))
    place = _place(path, arrays)
    behind = place.epochs * steps + place.batches
    if behind > epochs * steps or place.batches >= steps:
        raise ValueError(f"{path} cannot be: {place} of {epochs} epochs, each of {steps} batches")
    model.load_state_dict(_part(arrays, _MODEL))
    optimizer.load_state_dict(_part(arrays, _OPTIMIZER))
    if optimizer.steps != behind:
        raise ValueError(f"{path} cannot be: its optimizer has taken {optimizer.steps} steps, not {behind}")
    return place


def save_weights(path: Path, model: Module) -> None:
    """Write the weights and statistics, named as in `state_dict()`; a file of that name is replaced in one step."""
    with undisturbed():
        save_state(path, model.state_dict())


def load_weights(path: Path, model: Module, *, digest: str | None = None) -> None:
    """Load the weights and statistics of a file into a model of the same architecture.

    Args:
        path: of the file.
        model: gets them.
        digest: what `weights_digest` must say of them, as `finished.json` records it.

    Raises:
        ValueError: the file is damaged, belongs to another network, or holds other weights; what the model holds then
            is of no use.
        OSError: it cannot be read.
    """
    arrays = load_state(path, limit=_size(model.state_dict()))
    try:
        model.load_state_dict(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if digest is not None and weights_digest(model) != digest:
        raise ValueError(f"{path} has other weights than the run finished with (weights.sha256)")


def weights_digest(model: Module) -> str:
    """SHA-256 over every parameter's name, dtype, shape and bytes."""
    digest = sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _numbers(place: Place) -> Arrays:
    return {
        "epoch": np.array(place.epochs, np.int64),
        "batches": np.array(place.batches, np.int64),
        "loss": np.array(place.loss, np.float64),
        "seconds": np.array(place.seconds, np.float64),
    }


def _place(path: Path, arrays: Arrays) -> Place:
    """The place in a file, if it is one."""
    expected = _numbers(Place())
    for name, number in expected.items():
        found = arrays.get(name)
        if found is None:
            raise ValueError(f"{path} is no checkpoint: it has no '{name}'")
        if (found.shape, found.dtype) != ((), number.dtype) or not 0 <= found < np.inf:
            raise ValueError(f"{path} is no checkpoint: '{name}' must be a finite {number.dtype}, 0 or more")
    place = Place(*(arrays[name].item() for name in expected))
    if place.batches == 0 and (place.loss or place.seconds):
        raise ValueError(f"{path} cannot be: {place} has no batches that the loss and the seconds are of")
    return place


def _size(arrays: Arrays) -> int:
    """Of all arrays together, in bytes."""
    return sum(array.nbytes for array in arrays.values())


def _state(model: Module, optimizer: Optimizer) -> Arrays:
    arrays = {_MODEL + name: array for name, array in model.state_dict().items()}
    return arrays | {_OPTIMIZER + name: array for name, array in optimizer.state_dict().items()}


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
