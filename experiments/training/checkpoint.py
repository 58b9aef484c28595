"""What is needed to go on after an epoch as if never stopped: weights, optimizer state, the epoch's number."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_core import Module, Optimizer, load_state, save_state

_EPOCH, _MODEL, _OPTIMIZER = "epoch", "model/", "optimizer/"


def save_checkpoint(path: Path, model: Module, optimizer: Optimizer, epoch: int) -> None:
    """Write the state after an epoch; the previous checkpoint is replaced in one step."""
    arrays: dict[str, npt.NDArray[Any]] = {_EPOCH: np.array(epoch)}
    arrays |= {_MODEL + name: array for name, array in model.state_dict().items()}
    arrays |= {_OPTIMIZER + name: array for name, array in optimizer.state_dict().items()}
    save_state(path, arrays)


def load_checkpoint(path: Path, model: Module, optimizer: Optimizer) -> int:
    """Take up the state of a checkpoint and return its epoch.

    Raises:
        ValueError: the file is damaged or belongs to another network or optimizer.
        OSError: it cannot be read.
    """
    arrays = load_state(path)
    try:
        epoch = int(arrays[_EPOCH])
    except KeyError as error:
        raise ValueError(f"{path} is no checkpoint: it has no {error}") from error
    model.load_state_dict(_part(arrays, _MODEL))
    optimizer.load_state_dict(_part(arrays, _OPTIMIZER))
    return epoch


def weights_digest(model: Module) -> str:
    """SHA-256 over every parameter's name, dtype, shape and bytes."""
    digest = sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _part(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
