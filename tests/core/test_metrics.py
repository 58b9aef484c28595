"""Accuracy: a share of images, the first of equal logits counting."""

import re

import numpy as np
import pytest

from cnn_core import accuracy


def test_share_of_images_whose_largest_logit_is_their_labels() -> None:
    logits = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 2.0], [0.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
    value = accuracy(logits, np.array([1, 2, 2, 0]))
    assert value == 0.5
    assert type(value) is float


@pytest.mark.parametrize(("labels", "expected"), [([0, 1], 1.0), ([1, 0], 0.0)])
def test_all_and_none(labels: list[int], expected: float) -> None:
    assert accuracy(np.eye(2), np.array(labels)) == expected


def test_first_of_equal_logits_counts() -> None:
    assert accuracy(np.zeros((4, 3)), np.array([0, 1, 2, 0])) == 0.5


def test_labels_of_one_byte() -> None:
    assert accuracy(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.uint8)) == 1


@pytest.mark.parametrize(
    ("logits", "labels"),
    [((0, 4), (0,)), ((2, 4), (3,)), ((3, 4), (2,)), ((1, 4), (0,)), ((3, 4), (3, 1)), ((3,), (3,))],
)
def test_no_images_or_shapes_that_do_not_fit_are_refused(logits: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got {logits} and {labels}")):
        accuracy(np.zeros(logits), np.zeros(labels, int))
