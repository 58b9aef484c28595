"""The oracle itself, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from tests.core import naive


def test_convolution_of_counted_pixels() -> None:
    x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9
    w = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])
    # every window holds a and a + 4: a - (a + 4) + 10 = 6
    assert naive.conv_forward(x, w, np.array([10.0]), (1, 1), (0, 0)).tolist() == [[[[6, 6], [6, 6]]]]


def test_convolution_with_padding_and_stride() -> None:
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    w = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # padded to 4×4, stride 2: each window meets one pixel, at its lower right, lower left, upper right, upper left
    assert naive.conv_forward(x, w, np.zeros(1), (2, 2), (1, 1)).tolist() == [[[[1000, 200], [30, 4]]]]


def test_convolution_gradients() -> None:
    x = np.array([[[[1.0, 2.0, 3.0]]]])
    w = np.array([[[[10.0, 20.0]]]])
    dy = np.array([[[[1.0, 2.0]]]])  # of the windows (1, 2) and (2, 3)
    dx, dw, db = naive.conv_backward(x, w, dy, (1, 1), (0, 0))
    assert dx.tolist() == [[[[10, 20 + 20, 40]]]]
    assert dw.tolist() == [[[[1 * 1 + 2 * 2, 2 * 1 + 3 * 2]]]]
    assert db.tolist() == [3]


def test_pooling_and_its_gradient_prefer_the_first_of_equals() -> None:
    x = np.array([[[[5.0, 5.0, 1.0], [5.0, 0.0, 7.0]]]])
    assert naive.max_pool_forward(x, (2, 2), (1, 1)).tolist() == [[[[5, 7]]]]
    dx = naive.max_pool_backward(x, np.array([[[[2.0, 3.0]]]]), (2, 2), (1, 1))
    assert dx.tolist() == [[[[2, 0, 0], [0, 0, 3]]]]


def test_linear_and_its_gradients() -> None:
    x, w = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])
    assert naive.linear_forward(x, w, np.array([100.0, 200.0])).tolist() == [[111, 217]]
    dx, dw, db = naive.linear_backward(x, w, np.array([[1.0, 10.0]]))
    assert dx.tolist() == [[53, 64]]
    assert dw.tolist() == [[1, 2], [10, 20]]
    assert db.tolist() == [1, 10]


def test_relu_and_its_gradient_at_zero() -> None:
    x = np.array([[-1.0, 0.0, 2.0]])
    assert naive.relu_forward(x).tolist() == [[0, 0, 2]]
    assert naive.relu_backward(x, np.array([[5.0, 5.0, 5.0]])).tolist() == [[0, 0, 5]]


def test_cross_entropy_of_odds_one_to_three() -> None:
    logits, labels = np.array([[0.0, math.log(3)], [0.0, math.log(3)]]), np.array([0, 1])  # softmax (1/4, 3/4)
    assert naive.cross_entropy_forward(logits, labels) == pytest.approx((math.log(4) + math.log(4 / 3)) / 2, rel=1e-15)
    expected = [[-0.375, 0.375], [0.125, -0.125]]
    assert naive.cross_entropy_backward(logits, labels).tolist() == pytest.approx(np.array(expected), rel=1e-15)
