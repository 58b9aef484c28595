"""What is said of the machine that figures were measured on."""

import json
import platform
import sys
from importlib.metadata import version

import numpy as np
import pytest

from experiments.benchmarking.machine import described, machine


def test_machine_is_named() -> None:
    found = machine()
    assert set(found) == {"cpu", "cores", "caches", "system", "load", "python", "numpy", "blas", "pytorch"}
    assert found["cpu"]
    assert found["cores"] >= 1
    assert (found["python"], found["numpy"]) == (platform.python_version(), np.__version__)
    assert found["numpy"] == version("numpy")
    assert json.loads(json.dumps(found)) == found


def test_pytorch_that_cannot_be_imported_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert machine()["pytorch"] is None


def test_machine_in_a_line() -> None:
    found = {
        "cpu": "Z80",
        "cores": 1,
        "load": 0.2,
        "python": "3.11",
        "numpy": "2.4",
        "blas": ["openblas 0.3"],
        "pytorch": "2.13",
    }
    assert described(found) == "Z80, 1 cores, load 0.2 beforehand; Python 3.11, NumPy 2.4 (openblas 0.3), PyTorch 2.13"
