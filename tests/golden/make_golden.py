"""Computes the golden values with PyTorch and writes them: `python -m tests.golden.make_golden [FOLDER]`.

It asks ours for nothing but the names, the shapes and the first weights of a network.
"""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import nn

from tests.core import networks as our_networks
from tests.core.arrays import Array, normal
from tests.golden.cases import CURVE_STEPS, CURVES, LAYERS, OPTIMIZERS, SMOOTHINGS
from tests.golden.files import FOLDER, grouped, write
from tests.parity import networks as their_networks
from tests.parity.compare import load_values, tensor
from tests.parity.modules import BatchNormMaxPool2d, Residual
from tests.parity.training import train

THEIR_LAYERS: dict[str, Callable[[], nn.Module]] = {
    "conv2d": lambda: nn.Conv2d(2, 3, 3, padding=1),
    "conv2d_stride": lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 3), padding=(2, 1), bias=False),
    "conv2d_dilation_groups": lambda: nn.Conv2d(4, 6, (2, 3), dilation=(3, 2), groups=2),
    "conv2d_depthwise_same": lambda: nn.Conv2d(3, 3, (4, 3), padding="same", groups=3),
    "max_pool2d": lambda: nn.MaxPool2d(2),
    "max_pool2d_overlap": lambda: nn.MaxPool2d((3, 2), stride=(2, 1)),
    "max_pool2d_gaps": lambda: nn.MaxPool2d(2, stride=3),
    "batch_norm2d": lambda: nn.BatchNorm2d(3, momentum=0.3),
    "batch_norm_max_pool2d": lambda: BatchNormMaxPool2d(3, 2),
    "avg_pool2d": lambda: nn.AvgPool2d((3, 2), stride=(2, 1)),
    "global_avg_pool2d": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "dropout": lambda: nn.Dropout(0.0),
    "flatten": nn.Flatten,
    "linear": lambda: nn.Linear(7, 5),
    "residual": lambda: Residual(nn.Conv2d(3, 3, 3, padding=1)),
}

THEIR_OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda tensors: torch.optim.SGD(tensors, lr=0.1),
    "sgd_momentum": lambda tensors: torch.optim.SGD(tensors, lr=0.1, momentum=0.9, weight_decay=0.01),
    "sgd_nesterov": lambda tensors: torch.optim.SGD(tensors, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda tensors: torch.optim.Adam(tensors, lr=0.05, weight_decay=0.01),
    "adamw": lambda tensors: torch.optim.AdamW(tensors, lr=0.05, weight_decay=0.1),
    "rmsprop": lambda tensors: torch.optim.RMSprop(tensors, lr=0.05, momentum=0.5),
}

THEIR_CURVE_OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "curve_pooled_sgd": lambda tensors: torch.optim.SGD(tensors, lr=0.03, momentum=0.9),
    "curve_normalised_adam": lambda tensors: torch.optim.Adam(tensors, lr=0.003),
}


def seed_of(name: str) -> int:
    """From the name alone, so that a new case changes no other."""
    return crc32(name.encode())


def single(array: Array) -> Array:
    """Round to single precision, in double."""
    return array.astype(np.float32).astype(np.float64)


def state_of(module: nn.Module) -> dict[str, Array]:
    counters = "num_batches_tracked"
    return {name: t.detach().numpy().copy() for name, t in module.state_dict().items() if not name.endswith(counters)}


def layer(name: str, seed: int) -> dict[str, Array]:
    """One forward and backward pass in training, then one forward pass in evaluation."""
    module = THEIR_LAYERS[name]().double()
    with torch.no_grad():
        for i, (key, value) in enumerate(state_of(module).items()):
            drawn = single(normal(seed + i + 1, *value.shape))
            module.state_dict()[key].copy_(tensor(np.abs(drawn) if key == "running_var" else drawn))
    before = state_of(module)
    x = tensor(single(normal(seed, *LAYERS[name].shape)), requires_grad=True)
    y = module(x)
    dy = tensor(single(normal(seed + 9, *y.shape)))
    y.backward(dy)
    gradients = {key: parameter.grad.numpy() for key, parameter in module.named_parameters()}
    assert x.grad is not None
    results = {"x": x, "y": y, "dy": dy, "dx": x.grad}
    with torch.no_grad():
        results["evaluated"] = module.eval()(x)
    return {
        **{key: t.detach().numpy() for key, t in results.items()},
        **grouped("before", before),
        **grouped("gradient", gradients),
        **grouped("after", state_of(module)),
    }


def cross_entropy(smoothing: float, seed: int) -> dict[str, Array]:
    logits = tensor(single(5 * normal(seed, 6, 4)), requires_grad=True)
    labels = np.arange(6) % 4
    loss = nn.functional.cross_entropy(logits, tensor(labels), label_smoothing=smoothing)
    loss.backward()
    assert logits.grad is not None
    return {
        "logits": logits.detach().numpy(),
        "labels": labels,
        "loss": loss.detach().numpy(),
        "gradient": logits.grad.numpy(),
    }


def optimizer(name: str, seed: int) -> dict[str, Array]:
    """Ten steps; the values of one parameter after each."""
    before, gradients = single(normal(seed, 3, 4)), single(normal(seed + 1, 10, 3, 4))
    value = tensor(before, requires_grad=True)
    steps, after = THEIR_OPTIMIZERS[name]([value]), []
    for gradient in gradients:
        value.grad = tensor(gradient)
        steps.step()
        after.append(value.detach().numpy().copy())
    return {"before": before, "gradients": gradients, "after": np.stack(after)}


def curve(name: str) -> dict[str, Array]:
    ours, theirs = (
        our_networks.NETWORKS[CURVES[name].network](np.float64),
        their_networks.NETWORKS[CURVES[name].network](),
    )
    ours.load_state_dict({key: single(array) for key, array in ours.state_dict().items()})
    load_values(theirs, ours)
    before = {key: array.astype(np.float32) for key, array in ours.state_dict().items()}
    trained = train(theirs, THEIR_CURVE_OPTIMIZERS[name](theirs.parameters()), np.float64, CURVE_STEPS)
    return {"losses": trained.losses, **grouped("before", before), **grouped("after", trained.state)}


def make(folder: Path) -> None:
    """Write every file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")  # PyTorch copies its input
        for name in LAYERS:
            write(name, layer(name, seed_of(name)), folder)
    for name, smoothing in SMOOTHINGS.items():
        write(name, cross_entropy(smoothing, seed_of(name)), folder)
    for name in OPTIMIZERS:
        write(name, optimizer(name, seed_of(name)), folder)
    for name in CURVES:
        write(name, curve(name), folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compute the golden values with PyTorch and write them.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    make(parser.parse_args().folder)
