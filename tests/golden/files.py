"""The files of golden values: arrays by name, all in double precision.

What goes into a computation is a number of single precision, so that ours in either precision starts from the same.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.core.arrays import Array

FOLDER = Path(__file__).parent / "values"


class Golden(dict[str, Array]):
    """Arrays by name; a name with a dot belongs to the group before it."""

    def group(self, name: str) -> dict[str, Array]:
        """`{"weight": …}` from `{"gradient.weight": …}`, for the group "gradient"."""
        return {key.removeprefix(f"{name}."): array for key, array in self.items() if key.startswith(f"{name}.")}


def grouped(name: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The same the other way round."""
    return {f"{name}.{key}": array for key, array in arrays.items()}


def read(name: str, folder: Path = FOLDER) -> Golden:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        return Golden({key: file[key] for key in file.files})


def write(name: str, arrays: Mapping[str, Array], folder: Path) -> None:
    np.savez_compressed(folder / f"{name}.npz", allow_pickle=False, **arrays)
