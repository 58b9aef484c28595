"""What layers refuse, and that the message carries the values and the rule."""

import re

import numpy as np
import pytest

from cnn_core import AvgPool2d, BatchNorm2d, Conv2d, Dropout, LeakyReLU, Linear, MaxPool2d, Module, Residual, Sequential
from cnn_core.windows import Side

RNG = np.random.default_rng(0)

every_pool = pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])


@pytest.mark.parametrize(("channels", "groups"), [((0, 1), 1), ((1, 0), 1), ((1, 1), 0), ((4, 3), 2), ((3, 4), 2)])
def test_conv_of_channels_that_groups_do_not_divide(channels: tuple[int, int], groups: int) -> None:
    values = f"channels {channels[0]} → {channels[1]} and groups {groups}"
    with pytest.raises(ValueError, match=f"multiples of groups, all ≥ 1, got {values}$"):
        Conv2d(*channels, 3, groups=groups, rng=RNG)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [
        (0, 1, 1, 0),
        ((3, 0), 1, 1, 0),
        (3, 0, 1, 0),
        (3, (1, 0), 1, 0),
        (3, 1, 0, 0),
        (3, 1, (1, 0), 0),
        (3, 1, 1, -1),
        (3, 1, 1, (0, -1)),
    ],
)
def test_conv_of_nothing(
    kernel: int | tuple[int, int], stride: int | tuple[int, int], dilation: int, padding: int
) -> None:
    def last(value: int | tuple[int, int]) -> int:
        return value[1] if isinstance(value, tuple) else value

    values = f"kernel {last(kernel)}, stride {last(stride)}, dilation {last(dilation)}, padding {last(padding)} and"
    with pytest.raises(ValueError, match=f"at least 1 and padding 0, got {values}"):
        Conv2d(1, 1, kernel, stride=stride, dilation=dilation, padding=padding, rng=RNG)


def test_same_padding_with_a_stride() -> None:
    with pytest.raises(ValueError, match='padding "same" needs a stride of 1, got 2'):
        Conv2d(1, 1, 3, stride=2, padding="same", rng=RNG)


@pytest.mark.parametrize("shape", [(2, 6, 6), (2, 2, 6, 6), (6,), (1, 2, 3, 6, 6)])
def test_conv_input_of_other_dimensions_or_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"needs (N, 3, H, W), got {shape}")):
        Conv2d(3, 1, 3, rng=RNG).forward(np.zeros(shape, np.float32))


@pytest.mark.parametrize("shape", [(1, 1, 2, 9), (1, 1, 9, 2)])
def test_image_smaller_than_the_kernel(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="kernel of 5 does not fit into an input of 2 padded to 4"):
        Conv2d(1, 1, 5, padding=1, rng=RNG).forward(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("kernel", "stride"), [(0, None), ((2, 0), None), (2, 0), (2, (1, -1))])
@every_pool
def test_pool_of_nothing(
    pool: type[MaxPool2d | AvgPool2d], kernel: int | tuple[int, int], stride: int | tuple[int, int] | None
) -> None:
    with pytest.raises(ValueError, match="kernel, stride and dilation must be at least 1"):
        pool(kernel, stride)


@every_pool
def test_pool_input_without_four_dimensions(pool: type[MaxPool2d | AvgPool2d]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{pool.__name__} needs (N, C, H, W), got (4, 4)")):
        pool(2).forward(np.zeros((4, 4)))


@every_pool
def test_image_smaller_than_the_pooling_window(pool: type[MaxPool2d | AvgPool2d]) -> None:
    with pytest.raises(ValueError, match="kernel of 3 does not fit into an input of 2 padded to 2"):
        pool(3).forward(np.zeros((1, 1, 3, 2)))


@pytest.mark.parametrize("slope", [-0.01, 1.01, float("nan")])
def test_leaky_relu_of_a_slope_that_is_no_share(slope: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"LeakyReLU needs a negative_slope in [0, 1], got {slope}")):
        LeakyReLU(slope)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_of_more_than_there_is(rate: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Dropout needs a rate in [0, 1), got {rate}")):
        Dropout(rate)


def test_dropout_without_a_generator() -> None:
    with pytest.raises(RuntimeError, match=re.escape("a forward pass in training needs draw_from(rng) before it")):
        Dropout(0.5).forward(np.zeros((2, 3)))


def test_residual_whose_ways_end_in_different_shapes() -> None:
    with pytest.raises(ValueError, match=re.escape("results of one shape, got (2, 1, 3, 3) and (2, 1, 6, 6)")):
        Residual(MaxPool2d(2)).forward(np.zeros((2, 1, 6, 6)))


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 1), (1, 0), (-1, 2)])
def test_linear_of_nothing(inputs: int, outputs: int) -> None:
    with pytest.raises(ValueError, match=f"at least one feature in and out, got {inputs} and {outputs}"):
        Linear(inputs, outputs, rng=RNG)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 3, 1, 1)])
def test_linear_input_of_other_width_or_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Linear(3, 2) needs (N, 3), got {shape}")):
        Linear(3, 2, rng=RNG).forward(np.zeros(shape, np.float32))


def test_batch_norm_of_one_value_a_channel_which_has_no_variance() -> None:
    x = np.zeros((1, 3, 1, 1))
    with pytest.raises(ValueError, match=re.escape("more than one value a channel in training, got (1, 3, 1, 1)")):
        BatchNorm2d(3, dtype=np.float64).forward(x)
    assert BatchNorm2d(3, dtype=np.float64).evaluate().forward(x).shape == x.shape


def test_sequential_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        Sequential()


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [(28, 3, 1, 1, 28), (28, 3, 1, 0, 26), (28, 2, 2, 0, 14), (7, 2, 2, 0, 3), (5, 5, 3, 0, 1), (4, 2, 3, 1, 2)],
)
def test_positions_count_the_places_of_a_window(
    size: int, kernel: int, stride: int, padding: int, expected: int
) -> None:
    places = [start for start in range(0, size + 2 * padding, stride) if start + kernel <= size + 2 * padding]
    assert len(places) == expected
    assert Side(kernel, stride, before=padding, after=padding).positions(size) == expected


@pytest.mark.parametrize(
    "layer",
    [Conv2d(1, 1, 3, rng=np.random.default_rng(0), dtype=np.float64), MaxPool2d(3), AvgPool2d(3)],
    ids=["conv", "max pool", "average pool"],
)
def test_refused_input_leaves_the_last_forward_pass_to_go_back_over(layer: Module) -> None:
    y = layer.forward(np.ones((2, 1, 6, 6)))
    with pytest.raises(ValueError, match="does not fit"):
        layer.forward(np.ones((2, 1, 2, 2)))
    assert layer.backward(np.ones_like(y)).shape == (2, 1, 6, 6)
