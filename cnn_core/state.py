"""Named arrays in a `.npz` file, written whole or not at all and read without pickle."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cnn_core.layout import Array


def save_state(path: Path, state: Mapping[str, Array]) -> None:
    """Write named arrays; a file of that name is replaced in one step, so a reader never meets half of it.

    Raises:
        OSError: the folder cannot be written to; what was there before is still there.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **state)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_state(path: Path) -> dict[str, Array]:
    """Read named arrays.

    Raises:
        ValueError: the file is damaged, is no `.npz`, or holds pickled objects, which are never read.
        OSError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{path} is not a whole .npz file of plain arrays: {error}") from error
