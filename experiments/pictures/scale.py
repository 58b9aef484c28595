"""Where the values of a setting lie along an axis, be they words, powers of ten or a hundred random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

_FEW = 12  # values that fit side by side with their labels
_DISTANCE = 1 / 8  # of the axis, between labels of values that stand where they belong
_LABEL = 20  # characters

Value = int | float | str


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to 1: the place of each value, and the labels to be written at some of the places."""

    places: dict[Value, float]
    ticks: dict[float, str]


def scale(levels: Sequence[Value]) -> Scale:
    """Lay out the values of a setting.

    A few values, and words, stand at equal distances, in the order given. Many numbers stand where they belong, on a
    linear or a logarithmic axis, whichever has their median nearer to its middle.

    >>> scale([16, 32, 128]).places
    {16: 0.0, 32: 0.5, 128: 1.0}
    >>> scale(["sgd"]).places
    {'sgd': 0.5}
    """
    numbers = [level for level in levels if isinstance(level, int | float)]
    if len(levels) <= _FEW or len(numbers) < len(levels):
        amounts = [float(position) for position in range(len(levels))]
    else:
        amounts = [float(number) for number in numbers]
        if min(numbers) > 0 and _off_centre(logs := [log(number) for number in numbers]) < _off_centre(amounts):
            amounts = logs
    low, high = min(amounts), max(amounts)
    places = {
        level: (amount - low) / (high - low) if high > low else 0.5
        for level, amount in zip(levels, amounts, strict=True)
    }
    return Scale(places, _ticks(places))


def label(value: Value) -> str:
    """A value as it is written on an axis.

    >>> label(0.003), label("[8, 16]")
    ('0.003', '[8, 16]')
    """
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return plain(text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…")


def plain(text: str) -> str:
    """A text that Matplotlib writes as it is: what stands between two dollars is a formula to it."""
    return text.replace("$", r"\$")


def _off_centre(amounts: Sequence[float]) -> float:
    """How far the median is from the middle, as a part of the range."""
    low, high = min(amounts), max(amounts)
    return abs((median(amounts) - low) / (high - low) - 0.5)


def _ticks(places: dict[Value, float]) -> dict[float, str]:
    """Labels of as many values as can stand side by side; the first and the last among them."""
    ticks: dict[float, str] = {}
    ends = (min(places.values()), max(places.values()))
    for value, place in places.items():
        free = all(abs(place - taken) >= _DISTANCE for taken in (*ticks, ends[1]))
        if len(places) <= _FEW or place in ends or free:
            ticks[place] = label(value)
    return ticks
