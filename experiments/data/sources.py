"""Where MNIST and Fashion-MNIST come from: file names, digests, mirrors, and folders that packages install into.

Never opens any of them.

Sources: http://yann.lecun.com/exdb/mnist (gone; MNIST is CC BY-SA 3.0, LeCun, Cortes, Burges) and
https://github.com/zalandoresearch/fashion-mnist (MIT).
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class IdxFile:
    """One file of a data set: its canonical name, and the sha256 of its bytes once unpacked."""

    name: str
    sha256: str

    @property
    def variants(self) -> tuple[str, ...]:
        """The names it goes by: gzipped or not, and as some unpackers write it (`train-images.idx3-ubyte`)."""
        plain = self.name.removesuffix(".gz")
        dotted = plain.replace("-idx", ".idx")
        return self.name, plain, f"{dotted}.gz", dotted


@dataclass(frozen=True)
class Source:
    """A data set of four IDX files, the mirrors that serve them and the folders where a package puts them."""

    name: str
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile
    mirrors: tuple[str, ...]
    folders: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
        """All four, images before labels, training before test."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels


MNIST = Source(
    name="mnist",
    train_images=IdxFile(
        "train-images-idx3-ubyte.gz", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte.gz", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte.gz", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte.gz", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = Source(
    name="fashion_mnist",
    train_images=IdxFile(
        "train-images-idx3-ubyte.gz", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte.gz", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte.gz", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte.gz", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    folders=(Path("/usr/share/datasets/fashion-mnist"),),  # Debian's dataset-fashion-mnist
)
