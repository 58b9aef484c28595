"""Two hundred steps on real images, from the same weights and in the same order: PyTorch's losses and weights.

Measured once, the largest difference at any step of the losses, and after the comma that of the final weights; "exact"
is the same training in double precision:

| network, optimizer, learning rate | double: ours − theirs | single: ours − theirs | ours − exact | theirs − exact |
|---|---|---|---|---|
| pooled, SGD with momentum 0.9, 0.03 | 2e-15, 1e-15 | 2e-6, 8e-7 | 2e-6, 9e-7 | 1e-6, 7e-7 |
| normalised, Adam, 0.003 | 1e-15, 4e-15 | 5e-7, 7e-7 | 3e-7, 9e-7 | 4e-7, 9e-7 |

In single precision the learning rate matters. Where the two largest elements of a pooling window differ in their last
digits only, rounding decides which one the gradient goes to. SGD at 0.01 meets such a window on the normalised network
(in step 182, 5e-7 apart) and ends 1e-4 from exact; at 0.1 PyTorch ends 1e-1 from it, for a cause not traced; and at 0.1
SGD on the pooled network is unstable in itself. At the learning rates above, none of it happens within these steps.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch

from cnn_core import SGD, Adam, Optimizer, Parameter
from tests.core import networks as our_networks
from tests.parity import networks as their_networks
from tests.parity import training as their_training
from tests.parity.compare import both_dtypes, load_values
from tests.training_curve import STEPS, Curve, train

TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


class Trial(NamedTuple):
    """A network, and the same optimizer twice."""

    network: str
    ours: Callable[[list[Parameter]], Optimizer]
    theirs: Callable[[list[torch.Tensor]], torch.optim.Optimizer]


TRIALS = [
    Trial(
        "pooled",
        lambda parameters: SGD(parameters, lr=0.03, momentum=0.9),
        lambda tensors: torch.optim.SGD(tensors, lr=0.03, momentum=0.9),
    ),
    Trial(
        "normalised",
        lambda parameters: Adam(parameters, lr=0.003),
        lambda tensors: torch.optim.Adam(tensors, lr=0.003),
    ),
]


def curves(trial: Trial, dtype: npt.DTypeLike) -> tuple[Curve, Curve]:
    ours, theirs = our_networks.NETWORKS[trial.network](dtype), their_networks.NETWORKS[trial.network]()
    load_values(theirs, ours)
    return (
        train(ours, trial.ours(ours.parameters()), dtype),
        their_training.train(theirs, trial.theirs(list(theirs.parameters())), dtype),
    )


@both_dtypes
@pytest.mark.parametrize("trial", TRIALS, ids=[trial.network for trial in TRIALS])
def test_training_follows_pytorch(trial: Trial, dtype: npt.DTypeLike) -> None:
    ours, theirs = curves(trial, dtype)
    tolerance = TOLERANCE[np.dtype(dtype)]
    assert len(ours.losses) == len(theirs.losses) == STEPS
    assert ours.losses[-10:].mean() < ours.losses[0] / 4  # there was something to learn
    assert np.abs(ours.losses - theirs.losses).max() <= tolerance
    assert ours.state.keys() == theirs.state.keys()
    for name, array in ours.state.items():
        assert array.dtype == dtype
        assert np.abs(array - theirs.state[name]).max() <= tolerance, name
    assert np.abs(ours.logits - theirs.logits).max() <= tolerance * np.abs(theirs.logits).max()
    assert ours.accuracy() == theirs.accuracy() > 0.8
