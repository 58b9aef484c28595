"""From our arrays to PyTorch's tensors, and what counts as the same numbers."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.core.arrays import distance

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
