"""Cross-entropy: equal to the loops, finite for any logits, weighted by images, strict about labels."""

import math
import re

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import CrossEntropyLoss
from tests.core import naive
from tests.core.arrays import EXACT, SINGLE, Array, distance, examples, normal

both_dtypes = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, EXACT), (np.float32, SINGLE)])


@both_dtypes
@examples(40)
@given(
    count=st.integers(1, 20),
    classes=st.integers(1, 12),
    scale=st.sampled_from([0.1, 1.0, 30.0]),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0),
)
def test_loss_and_gradient_equal_loops(
    count: int, classes: int, scale: float, smoothing: float, seed: int, dtype: npt.DTypeLike, tolerance: float
) -> None:
    logits = (scale * normal(seed, count, classes)).astype(dtype)
    labels = np.random.default_rng(seed).integers(0, classes, count)
    loss = CrossEntropyLoss(smoothing)
    expected = naive.cross_entropy_forward(logits, labels, smoothing)
    assert abs(loss.forward(logits, labels) - expected) <= tolerance * max(1, expected)
    assert distance(loss.backward(), naive.cross_entropy_backward(logits, labels, smoothing)) <= tolerance


def test_loss_is_minus_the_logarithm_of_softmax() -> None:
    logits = np.log([[0.2, 0.3, 0.5]]) + 4
    assert CrossEntropyLoss().forward(logits, np.array([1])) == pytest.approx(-math.log(0.3), rel=1e-14)


def test_smoothed_label_shares_with_all_classes() -> None:
    # q = (1/2)·(0, 1) + (1/2)·(1/2, 1/2) = (1/4, 3/4); softmax (0.2, 0.8)
    loss = CrossEntropyLoss(label_smoothing=0.5)
    assert loss.forward(np.log([[0.2, 0.8]]), np.array([1])) == pytest.approx(
        -(math.log(0.2) + 3 * math.log(0.8)) / 4, rel=1e-14
    )
    assert loss.backward().tolist()[0] == pytest.approx([0.2 - 0.25, 0.8 - 0.75], rel=1e-13)


@pytest.mark.parametrize("value", [-0.1, 1.0, 2.0, math.nan])
def test_smoothing_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"label_smoothing must lie in [0, 1), got {value}")):
        CrossEntropyLoss(value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_neither_overflow_nor_are_clipped(dtype: npt.DTypeLike) -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    loss = CrossEntropyLoss()
    assert loss.forward(logits, np.array([0, 1])) == 0
    assert not loss.backward().any()
    assert loss.forward(logits, np.array([1, 1])) == 1e4  # (20000 + 0) / 2
    assert loss.backward().tolist() == [[0.5, -0.5], [0, 0]]


def test_shifting_a_row_of_logits_changes_nothing() -> None:
    logits, labels = normal(1, 6, 4), np.arange(6) % 4
    shifted = logits + np.arange(6.0)[:, None] * 100
    assert CrossEntropyLoss().forward(shifted, labels) == pytest.approx(
        CrossEntropyLoss().forward(logits, labels), rel=EXACT
    )


def test_mean_counts_every_image_once() -> None:
    logits, labels, loss = normal(1, 7, 4), np.arange(7) % 4, CrossEntropyLoss()
    parts = [(slice(0, 5), 5), (slice(5, 7), 2)]
    total = sum(loss.forward(logits[part], labels[part]) * count for part, count in parts)
    assert loss.forward(logits, labels) == pytest.approx(total / 7, rel=1e-14)


def test_mean_of_many_single_precision_losses_is_summed_in_double() -> None:
    logits = np.zeros((200_001, 2), np.float32)
    logits[0, 0] = 3e6  # in single precision, log 2 added to 3e6 is rounded to quarters
    labels = np.ones(200_001, np.int64)
    expected = (3e6 + 200_000 * float(np.log(np.float32(2)))) / 200_001
    assert CrossEntropyLoss().forward(logits, labels) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_has_the_dtype_and_shape_of_the_logits(smoothing: float, dtype: npt.DTypeLike) -> None:
    loss = CrossEntropyLoss(smoothing)
    value = loss.forward(normal(1, 3, 4, dtype=dtype), np.array([0, 1, 2]))
    assert type(value) is float
    assert (loss.backward().dtype, loss.backward().shape) == (np.dtype(dtype), (3, 4))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_may_be_integers_of_any_width(dtype: npt.DTypeLike) -> None:
    logits = normal(1, 3, 300)
    labels = np.array([0, 255, 7])
    if dtype == np.uint8:
        logits = logits[:, :256]
    expected = naive.cross_entropy_forward(logits, labels)
    assert CrossEntropyLoss().forward(logits, labels.astype(dtype)) == pytest.approx(expected, rel=EXACT)


def test_gradient_follows_the_last_batch() -> None:
    loss = CrossEntropyLoss()
    loss.forward(normal(1, 9, 3), np.zeros(9, int))
    logits, labels = normal(2, 4, 3), np.array([0, 1, 2, 1])
    loss.forward(logits, labels)
    assert distance(loss.backward(), naive.cross_entropy_backward(logits, labels)) <= EXACT


def test_gradient_kept_by_the_caller_never_changes() -> None:
    loss = CrossEntropyLoss()
    loss.forward(normal(1, 4, 3), np.zeros(4, int))
    kept = loss.backward()
    before = kept.copy()
    loss.backward()
    loss.forward(normal(2, 4, 3), np.ones(4, int))
    loss.backward()
    assert kept.tobytes() == before.tobytes()


def test_logits_and_labels_are_left_alone() -> None:
    logits, labels = normal(1, 4, 3), np.array([0, 1, 2, 1])
    before = logits.copy(), labels.copy()
    logits.flags.writeable = labels.flags.writeable = False
    loss = CrossEntropyLoss()
    loss.forward(logits, labels)
    loss.backward()
    np.testing.assert_array_equal(logits, before[0])
    np.testing.assert_array_equal(labels, before[1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 3]), r"labels must lie in 0\.\.2, got 0\.\.3"),
        (np.array([-1, 1, 2]), r"labels must lie in 0\.\.2, got -1\.\.2"),
        (np.array([0.0, 1.0, 2.0]), "labels must be integers, got float64"),
        (np.array([True, False, True]), "labels must be integers, got bool"),
        (np.array([0, 1]), r"3 rows of logits need labels of shape \(3,\), got \(2,\)"),
        (np.array([0, 1, 2, 0]), r"3 rows of logits need labels of shape \(3,\), got \(4,\)"),
        (np.array([[0], [1], [2]]), r"3 rows of logits need labels of shape \(3,\), got \(3, 1\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrossEntropyLoss().forward(normal(1, 3, 3), labels)
