"""What a run was computed on and with, so that two results that should be equal and aren't can be explained.

It names no host, user or path. A new fact is a new key of `environment`; `experiments.comparison` shows it by itself.
"""

import logging
import platform
import re
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_info

from experiments.config.leaves import leaves
from experiments.config.schema import Config
from experiments.files import read_json, write_json
from experiments.runs.identity import code_digest
from experiments.training.arithmetic import arithmetic, thread_count

_log = logging.getLogger(__name__)

UNTIL = "until epoch "  # of a key: how the epochs to this one were computed, where that was otherwise
_SAID = 3  # differences in a line
_CPUINFO = Path("/proc/cpuinfo")
_BLAS = {"internal_api": "library", "version": "version", "architecture": "architecture", "num_threads": "threads"}


def record_environment(path: Path, config: Config, epochs: int = 0) -> None:
    """Write the surroundings of a run to a file, and what was otherwise for the epochs that it has already."""
    now, then = environment(config), read_json(path) or {}
    earlier = {key: value for key, value in then.items() if key.startswith(UNTIL)} if epochs else {}
    known, new = leaves(then), leaves(now)
    apart = {key: value for key, value in known.items() if _may_decide(key) and new.get(key) != value}
    if epochs and apart:
        earlier[f"{UNTIL}{epochs}"] = apart
        said = ", ".join(f"{key} {value}" for key, value in list(apart.items())[:_SAID])
        _log.warning("until epoch %d the run was computed otherwise (%s), see %s", epochs, said, path)
    write_json(path, {**now, **earlier})


def environment(config: Config) -> dict[str, Any]:
    """The surroundings of a run, by name.

    Returns:
        `python`, `numpy`; `blas`, as it is while the run computes (`library`, `version`, `architecture` of its
        kernels, `threads`); `simd`, the extensions that NumPy uses; `cpu` (`model`, `cores` this process may use);
        `system`, `threads` of the trainer,
        `code.sha256`; and of all installed `packages` the versions.
    """
    with arithmetic(config):
        blas = blas_facts()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "blas": blas,
        "simd": simd_extensions(),
        "cpu": {"model": _cpu(), "cores": joblib.cpu_count()},
        "system": platform.platform(),
        "threads": thread_count(config),
        "code.sha256": code_digest(),
        "packages": _packages(),
    }


def blas_facts() -> dict[str, Any]:
    """NumPy's BLAS; in the same process there may be SciPy's as well, which no run computes with."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    libraries.sort(key=lambda library: "numpy" not in library["filepath"])
    return {name: library.get(key) for library in libraries[:1] for key, name in _BLAS.items()}


def _may_decide(key: str) -> bool:
    """Whether a fact may change a bit of what follows."""
    return key not in ("threads", "cpu.cores") and not key.startswith(UNTIL)


def simd_extensions() -> str:
    """The vector instructions of NumPy's own loops: they decide how sums are rounded."""
    extensions = np.show_config(mode="dicts").get("SIMD Extensions", {})  # it leaves out what is empty
    return " ".join([*extensions.get("baseline", []), *extensions.get("found", [])])


@cache
def _cpu() -> str:
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def _packages() -> dict[str, str]:
    """Version by name. Where a name is installed twice, the first that an import finds counts.

    Only these two headers are read: parsing all of what pip wrote takes ten times as long.
    """
    found: dict[str, str] = {}
    for package in distributions():
        headers = (package.read_text("METADATA") or package.read_text("PKG-INFO") or "").partition("\n\n")[0]
        name, version = (re.search(rf"^{key}: *(\S+)", headers, re.MULTILINE) for key in ("Name", "Version"))
        if name and version:  # what a failed installation left behind has none
            found.setdefault(name[1].lower().replace("_", "-"), version[1])
    return dict(sorted(found.items()))
