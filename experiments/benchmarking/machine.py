"""What the figures were measured on."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_info

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def machine() -> dict[str, Any]:
    """Processor, cores, caches, versions and how busy it is, by name; what cannot be found out is missing or empty.

    The load is how many processes wanted to compute during the last minute: where it is not near 0, doubt the figures.
    """
    return {
        "cpu": _cpu(),
        "cores": joblib.cpu_count(),
        "caches": _caches(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            " ".join(str(library[key]) for key in ("internal_api", "version", "architecture") if library.get(key))
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ],
        "pytorch": version("torch") if find_spec("torch") else None,
    }


def described(found: Mapping[str, Any]) -> str:
    """A machine in a line.

    >>> found = {"cpu": "Zen 4", "cores": 2, "load": 0.1, "python": "3.11.2", "numpy": "2.4.6", "blas": ["mkl"]}
    >>> described(found | {"pytorch": None})
    'Zen 4, 2 cores, load 0.1 beforehand; Python 3.11.2, NumPy 2.4.6 (mkl)'
    """
    blas = ", ".join(found["blas"])
    pytorch = f", PyTorch {found['pytorch']}" if found["pytorch"] else ""
    hardware = f"{found['cpu']}, {found['cores']} cores, load {found['load']} beforehand"
    return f"{hardware}; Python {found['python']}, NumPy {found['numpy']} ({blas}){pytorch}"


def _cpu() -> str:
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Sizes by level and kind: {"L1 Data": "48K", …}."""
    return {
        f"L{_read(cache / 'level')} {_read(cache / 'type')}": _read(cache / "size")
        for cache in sorted(_CACHES.glob("index*"))
    }


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
