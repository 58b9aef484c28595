"""The networks of tests/core/networks.py as PyTorch has them, with the same names of parameters."""

from collections.abc import Callable

from torch import nn


def pooled() -> nn.Module:
    """Its pooling comes after ReLU: the same function, computed in another order."""
    blocks = [(1, nn.Conv2d(1, 8, 3, padding=1)), (2, nn.Conv2d(8, 16, 3, padding=1))]
    network = nn.Sequential()
    for number, conv in blocks:
        network.add_module(f"conv{number}", conv)
        network.add_module(f"relu{number}", nn.ReLU())
        network.add_module(f"pool{number}", nn.MaxPool2d(2))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc1", nn.Linear(64, 32))
    network.add_module("relu3", nn.ReLU())
    network.add_module("fc2", nn.Linear(32, 10))
    return network


def normalised() -> nn.Module:
    """Normalises, then pools, then ReLU, as ours."""
    network = nn.Sequential()
    for number, (inputs, outputs) in enumerate([(1, 8), (8, 16)], start=1):
        network.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
        network.add_module(f"norm{number}", nn.BatchNorm2d(outputs))
        network.add_module(f"pool{number}", nn.MaxPool2d(2))
        network.add_module(f"relu{number}", nn.ReLU())
    network.add_module("mean", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(16, 10))
    return network


NETWORKS: dict[str, Callable[[], nn.Module]] = {"pooled": pooled, "normalised": normalised}
