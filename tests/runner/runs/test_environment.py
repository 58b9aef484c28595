"""What a run was computed on and with."""

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import hydra
import joblib
import numpy as np
import pandas as pd
import pytest
import yaml

from experiments.config.schema import JoblibConfig
from experiments.runs.environment import environment, record_environment
from experiments.runs.identity import code_digest
from tests.runner.composed import CHECKOUT
from tests.runner.configs import small_config


def test_versions_are_those_that_are_installed(tmp_path: Path) -> None:
    found = environment(small_config(tmp_path))
    assert found["python"].endswith(platform.python_version())
    assert found["numpy"] == found["packages"]["numpy"] == np.__version__
    assert found["code.sha256"] == code_digest()


def test_packages_say_of_themselves_what_is_recorded(tmp_path: Path) -> None:
    packages = environment(small_config(tmp_path))["packages"]
    expected = {"pandas": pd, "hydra-core": hydra, "pyyaml": yaml, "joblib": joblib}
    assert {name: packages[name] for name in expected} == {name: of.__version__ for name, of in expected.items()}
    assert list(packages) == sorted(packages)


def test_blas_is_numpys_and_is_pinned_to_one_thread(tmp_path: Path) -> None:
    blas = environment(small_config(tmp_path, trainer__threads=2))["blas"]
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert str(blas["library"]) in built_with["name"]
    assert blas["version"].startswith(built_with["version"].split(".dev")[0])
    assert blas["threads"] == 1
    assert blas["architecture"]


@pytest.mark.parametrize(
    ("changes", "threads"),
    [
        ({"trainer__threads": 3}, 3),
        ({"trainer__threads": None}, joblib.cpu_count()),
        ({"trainer__threads": None, "launcher": JoblibConfig("joblib", n_jobs=2)}, 1),
    ],
)
def test_threads_are_those_in_force(changes: dict[str, object], threads: int, tmp_path: Path) -> None:
    assert environment(small_config(tmp_path, **changes))["threads"] == threads


def test_vector_instructions_are_those_that_numpy_may_use() -> None:
    code = (
        "from pathlib import Path; from experiments.runs.environment import environment;"
        "from tests.runner.configs import small_config; print(environment(small_config(Path('/tmp')))['simd'])"
    )
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    every = [*found["baseline"], *found["found"]]
    for disabled in ("", *found["found"][-1:]):
        variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "NPY_DISABLE_CPU_FEATURES": disabled}
        said = subprocess.run([sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True)
        assert said.stdout.split() == [name for name in every if name != disabled]


@pytest.mark.parametrize("config", [{}, {"SIMD Extensions": {"not found": ["ASIMDHP"]}}])
def test_machine_without_vector_instructions_has_none(
    config: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(np, "show_config", lambda mode: {"dicts": config}[mode])
    assert environment(small_config(tmp_path))["simd"] == ""


def test_what_was_otherwise_for_earlier_epochs_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, config = tmp_path / "environment.json", small_config(tmp_path)
    record_environment(path, config)
    now = json.loads(path.read_text())
    path.write_text(json.dumps({**now, "numpy": "1.0", "threads": 99}))
    record_environment(path, config, epochs=3)
    assert json.loads(path.read_text()) == {**now, "until epoch 3": {"numpy": "1.0"}}
    assert [record.getMessage() for record in caplog.records] == [
        f"until epoch 3 the run was computed otherwise (numpy 1.0), see {path}"
    ]
    record_environment(path, config, epochs=5)
    assert json.loads(path.read_text()) == {**now, "until epoch 3": {"numpy": "1.0"}}
    record_environment(path, config)  # it begins anew
    assert json.loads(path.read_text()) == now


def test_processor_is_named(tmp_path: Path) -> None:
    cpu = environment(small_config(tmp_path))["cpu"]
    assert 1 <= cpu["cores"] <= (os.cpu_count() or 1)
    assert cpu["model"]


def test_neither_host_nor_user_nor_path_is_named(tmp_path: Path) -> None:
    text = json.dumps(environment(small_config(tmp_path)))
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert str(Path(np.__file__).parent) not in text
    assert len(getpass.getuser()) < 5 or getpass.getuser() not in text


def test_packages_are_read_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(tmp_path)
    first = environment(config)
    monkeypatch.setattr("experiments.runs.environment.distributions", lambda: pytest.fail("they are read again"))
    assert environment(config) == first
