"""From our arrays to PyTorch's tensors, and what counts as the same numbers."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from cnn_core import Module
from tests.core.arrays import Array, distance, normal

torch.set_num_threads(1)  # test processes run beside each other

TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def tensor(array: npt.ArrayLike, *, requires_grad: bool = False) -> torch.Tensor:
    """The same shape, dtype and numbers, in memory of its own."""
    return torch.from_numpy(np.array(array, order="C")).requires_grad_(requires_grad)


def assert_same(actual: npt.ArrayLike, expected: torch.Tensor, what: str = "result") -> None:
    """Equal shape and dtype, and numbers that differ by rounding only, in units of the largest magnitude."""
    found, reference = np.asarray(actual), expected.detach().numpy()
    assert found.dtype == reference.dtype, f"{what}: {found.dtype}, not {reference.dtype}"
    far = distance(found, reference)
    assert far <= TOLERANCE[found.dtype], f"{what}: {far:.1e} apart"


def load_values(reference: torch.nn.Module, module: Module) -> None:
    """Give PyTorch's module the values of ours, under the same names, and its dtype."""
    state = {name: tensor(array) for name, array in module.state_dict().items()}
    for dtype in {t.dtype for t in state.values()}:
        reference.to(dtype)
    missing, unknown = reference.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]  # PyTorch counts, we need not
    assert (missing, unknown) == ([], []), "parameters and statistics must have PyTorch's names"


def assert_same_step(module: Module, reference: torch.nn.Module, x: Array, *, seed: int = 0) -> None:
    """Run both forward and backward: the same result, gradient of x and of every parameter, and statistics."""
    t = tensor(x, requires_grad=True)
    reference.zero_grad()
    expected = reference(t)
    y = module.forward(x)
    assert_same(y, expected, "y")
    dy = normal(seed, *y.shape, dtype=y.dtype)
    expected.backward(tensor(dy))
    assert t.grad is not None
    assert_same(module.backward(dy), t.grad, "dx")
    gradients = dict(reference.named_parameters())
    for name, parameter in module.named_parameters():
        assert_same(parameter.grad, gradients[name].grad, f"gradient of {name}")
    state = reference.state_dict()
    for name, array in module.state_dict().items():
        assert_same(array, state[name], name)
