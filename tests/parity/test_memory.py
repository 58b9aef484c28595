"""Memory that training takes beside PyTorch's; the fewer images, the more does what no batch changes weigh."""

from pathlib import Path

import pytest

from experiments.benchmarking.memory import training_bytes
from experiments.benchmarking.nets import NETS

GOAL = 1.5


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone keeps a high-water mark")
@pytest.mark.parametrize("net", NETS)
def test_training_takes_at_most_half_as_much_memory_again(net: str) -> None:
    theirs = min(training_bytes(memory_format, net, batch=64) for memory_format in ("contiguous", "channels_last"))
    assert training_bytes("ours", net, batch=64) <= GOAL * theirs
