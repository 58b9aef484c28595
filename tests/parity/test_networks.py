"""Layers chained, from images to the loss and back: every gradient equals PyTorch's."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from cnn_core import BatchNorm2d, Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, ReLU, Sequential
from tests.core import networks as our_networks
from tests.core.arrays import Array, examples, normal, randomize
from tests.parity import networks as their_networks
from tests.parity.compare import assert_same, both_dtypes, load_values, tensor


def assert_same_gradients(ours: Sequential, theirs: nn.Module, x: Array, labels: Array, *, smoothing: float) -> None:
    load_values(theirs, ours)
    expected = cross_entropy(theirs(tensor(x)), tensor(labels), label_smoothing=smoothing)
    expected.backward()
    loss = CrossEntropyLoss(smoothing)
    assert_same(np.asarray(loss.forward(ours.forward(x), labels), x.dtype), expected, "loss")
    ours.parameter_gradients(loss.backward())
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_same(parameter.grad, gradients[name].grad, f"gradient of {name}")


@both_dtypes
@examples(40)
@given(
    shape=st.tuples(st.integers(2, 6), st.integers(1, 3), st.integers(4, 9), st.integers(4, 9)),
    channels=st.integers(1, 6),
    stride=st.integers(1, 2),
    pool=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    smoothing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 10**6),
)
def test_chain_of_every_kind_of_layer(
    shape: tuple[int, int, int, int],
    channels: int,
    stride: int,
    pool: tuple[int, int],
    smoothing: float,
    seed: int,
    dtype: npt.DTypeLike,
) -> None:
    rng = np.random.default_rng(seed)
    convolve = Sequential(
        conv=Conv2d(shape[1], channels, 3, stride=stride, padding=1, rng=rng, dtype=dtype),
        norm=BatchNorm2d(channels, dtype=dtype),
        pool=MaxPool2d(pool, stride=1),
        relu=ReLU(),
        flatten=Flatten(),
    )
    x = normal(seed, *shape, dtype=dtype)
    features = convolve.forward(x).shape[1]
    ours = Sequential(**convolve.layers, fc=Linear(features, 4, rng=rng, dtype=dtype))
    randomize(ours, seed)
    theirs = nn.Sequential()
    theirs.add_module("conv", nn.Conv2d(shape[1], channels, 3, stride=stride, padding=1))
    theirs.add_module("norm", nn.BatchNorm2d(channels))
    theirs.add_module("pool", nn.MaxPool2d(pool, stride=1))
    theirs.add_module("relu", nn.ReLU())
    theirs.add_module("flatten", nn.Flatten())
    theirs.add_module("fc", nn.Linear(features, 4))
    labels = np.random.default_rng(seed).integers(0, 4, shape[0])
    assert_same_gradients(ours, theirs, x, labels, smoothing=smoothing)


@both_dtypes
@pytest.mark.parametrize("name", our_networks.NETWORKS)
def test_network_of_the_training_curves(name: str, dtype: npt.DTypeLike) -> None:
    ours, theirs = our_networks.NETWORKS[name](dtype), their_networks.NETWORKS[name]()
    labels = np.arange(32) % 10
    assert_same_gradients(ours, theirs, normal(3, 32, 1, 8, 8, dtype=dtype), labels, smoothing=0.1)
