"""The training of tests/training_curve.py by PyTorch."""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from tests.parity.compare import tensor
from tests.training_curve import STEPS, Curve, batches, digits, scaled


def train(
    network: torch.nn.Module, optimizer: torch.optim.Optimizer, dtype: npt.DTypeLike, steps: int = STEPS
) -> Curve:
    """PyTorch's curve."""
    losses = []
    for x, labels in batches(steps, dtype):
        optimizer.zero_grad()
        loss = cross_entropy(network(tensor(x)), tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = network.eval()(tensor(scaled(digits().test.pixels, dtype)))
    state = {name: t.numpy() for name, t in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    return Curve(np.array(losses), state, logits.numpy())
