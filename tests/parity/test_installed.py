"""Whoever asks for these tests must have what they compare with."""

from importlib.util import find_spec


def test_pytorch_is_installed() -> None:
    assert find_spec("torch"), "tests marked parity need PyTorch: pip install -e '.[parity]'"
