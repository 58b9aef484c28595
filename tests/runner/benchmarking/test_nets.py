"""The networks that are measured, their batches, and the multiply-adds in them."""

import numpy as np
import pytest

from experiments.benchmarking.gemm import gemm_rate, training_multiply_adds
from experiments.benchmarking.nets import NETS, build_net, layers, random_images
from tests.runner.benchmarking.clock import Clock

SHAPES = {
    "a": {"conv1": (8, 1, 3, 3), "fc1": (128, 6272), "fc2": (10, 128)},
    "b": {"conv1": (16, 1, 3, 3), "conv2": (32, 16, 3, 3), "fc1": (128, 1568), "fc2": (10, 128)},
    "c": {
        "stage1.conv1": (32, 1, 3, 3),
        "stage2.conv1": (64, 32, 3, 3),
        "stage3.conv1": (128, 64, 3, 3),
        "fc": (10, 128),
    },
}
# Each weight times the positions it is used at: weight's gradient, output, and but for the first input's gradient.
MULTIPLY_ADDS = {
    "a": 2 * 72 * 784 + 3 * (802_816 + 1280),
    "b": 2 * 144 * 784 + 3 * (4608 * 196 + 200_704 + 1280),
    "c": 2 * 288 * 784 + 3 * (18_432 * 196 + 73_728 * 49 + 1280),
}


@pytest.mark.parametrize("net", NETS)
def test_weights(net: str) -> None:
    made = build_net(net)
    weights = {name: parameter.value for name, parameter in made.named_parameters() if name.endswith(".weight")}
    assert {name: weights[f"{name}.weight"].shape for name in SHAPES[net]} == SHAPES[net]
    assert {parameter.value.dtype for parameter in made.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("net", NETS)
def test_first_weights_are_the_same_every_time(net: str) -> None:
    first, second = build_net(net).state_dict(), build_net(net).state_dict()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_layers_of_networks_within_are_named_by_both() -> None:
    assert [name for name, _ in layers(build_net("c"))] == [
        *(f"stage{stage}.{layer}" for stage in (1, 2, 3) for layer in ("conv1", "norm1", "relu1")),
        "mean",
        "fc",
    ]


def test_images_are_the_same_every_time_and_laid_out_as_the_runner_does() -> None:
    images, again = random_images(6), random_images(6)
    assert images.pixels.shape == (6, 1, 28, 28)
    assert images.pixels.dtype == np.float32
    assert images.pixels.transpose(2, 1, 3, 0).flags.c_contiguous
    assert np.array_equal(images.pixels, again.pixels)
    assert np.array_equal(images.labels, again.labels)
    assert set(images.labels) <= set(range(10))


def test_unknown_net_is_refused() -> None:
    with pytest.raises(ValueError, match="nets are a, b, c, got d"):
        build_net("d")


@pytest.mark.parametrize("net", NETS)
def test_multiply_adds_of_a_training_step(net: str) -> None:
    assert training_multiply_adds(build_net(net)) == MULTIPLY_ADDS[net]


def test_gemm_rate_is_the_largest_of_all_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.benchmarking.gemm._SIDES", (2, 8, 4))
    assert gemm_rate(0.0, Clock(tick=0.5)) == 8**3 / 0.5  # every product takes from one look at the clock to the next
