"""The oracle of the transformations: plain loops over images, channels and pixels, with Python's own numbers.

Written from the formulas alone; it imports nothing of the code under test.
"""

from fractions import Fraction
from math import floor

import numpy as np

from tests.core.naive import Array


def shift(images: Array, offsets: Array) -> Array:
    """Every pixel moves down and right; one that leaves the image is lost, and where none arrives there is 0."""
    _, _, height, width = images.shape
    y = np.zeros_like(images)
    for n, c, h, w in np.ndindex(images.shape):
        to_h, to_w = h + int(offsets[n][0]), w + int(offsets[n][1])
        if 0 <= to_h < height and 0 <= to_w < width:
            y[n, c, to_h, to_w] = images[n, c, h, w]
    return y


def flip(images: Array, flags: Array) -> Array:
    """Column w of a flipped image goes where column w from the right was."""
    y = np.zeros_like(images)
    for n, c, h, w in np.ndindex(images.shape):
        y[n, c, h, images.shape[3] - 1 - w if flags[n] else w] = images[n, c, h, w]
    return y


def cutout(images: Array, centres: Array, side: int) -> Array:
    """Paint the square black, pixel by pixel, where there is an image to paint on."""
    y = images.copy()
    for n, (row, column) in enumerate(centres.tolist()):
        for h in range(row - side // 2, row - side // 2 + side):
            for w in range(column - side // 2, column - side // 2 + side):
                if 0 <= h < images.shape[2] and 0 <= w < images.shape[3]:
                    y[n, :, h, w] = 0
    return y


def crop(images: Array, windows: Array) -> Array:
    """The four neighbours of each position, weighed in fractions; positions are multiples of 1/128."""
    _, _, height, width = images.shape
    y = np.zeros_like(images)
    for n, c, i, j in np.ndindex(images.shape):
        top, left, side = (Fraction(float(value)) for value in windows[n])
        row, column = _position(i, height, top, side), _position(j, width, left, side)
        value = Fraction(0)
        for h in range(height):
            for w in range(width):
                weight = max(Fraction(0), 1 - abs(row - h)) * max(Fraction(0), 1 - abs(column - w))
                value += weight * int(images[n, c, h, w])
        y[n, c, i, j] = floor(value + Fraction(1, 2))
    return y


def _position(index: int, size: int, start: Fraction, side: Fraction) -> Fraction:
    exact = size * (start + side * Fraction(2 * index + 1, 2 * size)) - Fraction(1, 2)
    return min(max(Fraction(round(exact * 128), 128), Fraction(0)), Fraction(size - 1))
