"""Memory that training takes, as the system counts it."""

from pathlib import Path

import pytest

from experiments.benchmarking.memory import training_bytes

MEGABYTE = 2**20

linux_alone = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="keeps no high-water mark")


@linux_alone
def test_training_takes_what_its_activations_and_gradients_need() -> None:
    activation = 64 * 8 * 28 * 28 * 4  # of net a's convolution, as large as that of ReLU and their gradients
    gradients = 4 * 6272 * 128
    assert 2 * activation + gradients < training_bytes("ours", "a", batch=64) < 6 * activation + gradients


@linux_alone
def test_memory_grows_with_the_batch() -> None:
    small, large = (training_bytes("ours", "b", batch) for batch in (64, 128))
    assert 5 * MEGABYTE < large - small < 1.1 * small


@linux_alone
def test_figure_is_the_same_every_time() -> None:
    first, second = (training_bytes("ours", "a", batch=64) for _ in range(2))
    assert abs(first - second) < MEGABYTE / 2
