"""MNIST and Fashion-MNIST: finds their four IDX files, or downloads them, and reads them.

Never takes a file whose digest is not the published one: both data sets use the same file names.
"""

from os.path import exists
from pathlib import Path

from experiments.data.cache import Origin, stamp
from experiments.data.dataset import Dataset
from experiments.data.idx import read_images
from experiments.data.sources import FASHION_MNIST, MNIST, IdxFile, Source


def load_mnist(root: Path) -> Dataset:
    """MNIST's 60,000 training and 10,000 test images of handwritten digits, (N, 1, 28, 28).

    Raises:
        DataError: a file is damaged, or is missing and cannot be downloaded.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", CC BY-SA 3.0.
    """
    return load(MNIST, root)


def load_fashion_mnist(root: Path) -> Dataset:
    """Fashion-MNIST's 60,000 training and 10,000 test images of clothes, (N, 1, 28, 28).

    Raises:
        DataError: a file is damaged, or is missing and cannot be downloaded.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST", https://arxiv.org/abs/1708.07747, MIT.
    """
    return load(FASHION_MNIST, root)


def load(source: Source, root: Path) -> Dataset:
    """Reads `source`, each file from the first place that has it, after downloading those that none has.

    The places: `root`/NAME, `root`, then the folders where packages install it. Downloads go to `root`/NAME, which
    is first so that either data set can have its own files whatever lies in `root` itself.

    Raises:
        DataError: a file is damaged or another than `source` says, or is missing and cannot be downloaded.
    """
    folders = _folders(source, root)
    own = folders[0]
    _fetch_missing(source, own, [file for file in source.files if _find(file, folders) is None])
    train_images, train_labels, test_images, test_labels = (
        _find(file, folders) or own / file.name for file in source.files
    )
    digests = [file.sha256 for file in source.files]
    return Dataset(
        name=source.name,
        train=read_images(train_images, train_labels, sha256=(digests[0], digests[1])),
        test=read_images(test_images, test_labels, sha256=(digests[2], digests[3])),
        classes=10,
        scale=1 / 255,
    )


def mnist_origin(source: Source, root: Path) -> Origin:
    """What `load` reads, for the cache.

    A valid cache needs no files. Those that are there are checked once by reading them, so that no damaged or other
    file is passed over because the cache has the right data.
    """
    found = (_find(file, _folders(source, root)) for file in source.files)
    stamps = tuple(stamp(path) for path in found if path is not None)
    return Origin(source.name, tuple(file.sha256 for file in source.files), stamps)


def _folders(source: Source, root: Path) -> tuple[Path, ...]:
    root = root.expanduser()
    return root / source.name, root, *source.folders


def _find(file: IdxFile, folders: tuple[Path, ...]) -> Path | None:
    candidates = (folder / name for folder in folders for name in file.variants)
    # Not Path.exists, which raises where a folder may not be searched; the download then says what is wrong.
    return next((path for path in candidates if exists(path)), None)


def _fetch_missing(source: Source, folder: Path, missing: list[IdxFile]) -> None:
    if not missing:
        return
    from experiments.data.download import fetch  # noqa: PLC0415 (requests takes long to import)

    names = ", ".join(file.name for file in missing)
    for file in missing:
        urls = [mirror + file.name for mirror in source.mirrors]
        fetch(urls, folder / file.name, sha256=file.sha256, mend=f"Put {names} into {folder} by hand.")
