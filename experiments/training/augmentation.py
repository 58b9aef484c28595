"""Augmentation of an epoch's training images. All chance is drawn when the epoch begins, a row of numbers an image.

So what happens to an image in an epoch is a function of the seed, the epoch and the image's place in the training set:
not of the order, of the batches' size, or of the epoch that training was taken up after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cnn_core.augmentation.crop import crop, draw_windows
from cnn_core.augmentation.cutout import cutout, draw_centres
from cnn_core.augmentation.flip import draw_flags, flip
from cnn_core.augmentation.shift import draw_offsets, shift
from cnn_core.layout import Array
from experiments.data.dataset import Bytes, Indices
from experiments.training.streams import stream

Places = Indices | slice  # of images in the training set
Augment = Callable[[Bytes, Places], Bytes]  # those images, and where they are; returns them as the epoch sees them


@dataclass(frozen=True)
class Augmentation:
    """What is done to an image, in this order.

    Args:
        crop: smallest side of the window that is enlarged to the image's size, as a share; 1: none.
        shift: farthest move in both directions, in pixels; 0: none.
        flip: half of the images, left to right.
        cutout: side of the square that is blackened, in pixels; 0: none.
    """

    crop: float
    shift: int
    flip: bool
    cutout: int


def augment_epoch(augmentation: Augmentation, shape: tuple[int, ...], *, seed: int, epoch: int) -> Augment:
    """Draw what happens in an epoch to every image of a training set of `(N, C, H, W)`.

    Each transformation has a generator of its own: switching one on changes nothing in the others.
    """
    count, _, height, width = shape
    crops, shifts, flips, cutouts = stream(seed, "augmentation", epoch).spawn(4)
    steps: list[tuple[Callable[[Array, Array], Array], Array]] = []
    if augmentation.crop < 1:
        steps.append((crop, draw_windows(count, augmentation.crop, rng=crops)))
    if augmentation.shift:
        steps.append((shift, draw_offsets(count, augmentation.shift, rng=shifts)))
    if augmentation.flip:
        steps.append((flip, draw_flags(count, rng=flips)))
    if augmentation.cutout:
        steps.append((partial(cutout, side=augmentation.cutout), draw_centres(count, height, width, rng=cutouts)))

    def augment(pixels: Bytes, places: Places) -> Bytes:
        for transform, parameters in steps:
            pixels = transform(pixels, parameters[places])
        return pixels

    return augment


def examples(augmentation: Augmentation, pixels: Bytes, count: int, *, seed: int, epochs: int) -> dict[str, Bytes]:
    """The first training images, and what the first epochs make of them: `{"original": …, "epoch 1": …, …}`."""
    first = slice(count)
    rows = {"original": pixels[first]}
    for epoch in range(1, epochs + 1):
        rows[f"epoch {epoch}"] = augment_epoch(augmentation, pixels.shape, seed=seed, epoch=epoch)(pixels[first], first)
    return rows
