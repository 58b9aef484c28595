"""A finished run that was computed with something else than this process has is skipped, and a line says so."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.files import read_json, write_json
from experiments.runs.environment import environment
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.numerics import FACTS, current_facts, otherwise, recorded_stages
from experiments.sweeps.cell import Cell
from experiments.sweeps.sweep import run_sweep
from tests.runner.configs import small_config

pytestmark = pytest.mark.usefixtures("unpublished")


def computed_with(folder: RunFolder, **changes: Any) -> None:
    """Have the record say something else; __ stands for the dot."""
    content = read_json(folder.environment)
    assert content is not None
    for key, value in changes.items():
        part, _, name = key.partition("__")
        if name:
            content[part][name] = value
        else:
            content[part] = value
    write_json(folder.environment, content)


def test_facts_are_those_that_a_run_records(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    write_json(path, environment(small_config(tmp_path)))
    (stage,) = recorded_stages(path)
    assert (stage.until, stage.facts) == (None, current_facts())
    assert stage.facts.keys() == set(FACTS)
    assert stage.facts["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"numpy": "2.2.1"}, ", computed with numpy 2.2.1"),
        (
            {"numpy": "2.2.1", "blas__architecture": "8086"},
            ", computed with numpy 2.2.1, blas.architecture 8086",
        ),
        ({"blas__library": "mkl", "blas__version": "1"}, ", computed with blas.library mkl, blas.version 1"),
        ({"threads": 99, "cpu": {"model": "8086"}, "packages": {}, "python": "2"}, ""),
    ],
)
def test_finished_run_says_what_it_was_computed_with_if_it_is_something_else(
    changes: dict[str, Any], said: str, outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = small_config(outputs)
    folder = execute(config).folder
    computed_with(folder, **changes)
    caplog.set_level(logging.INFO, "experiments")
    caplog.clear()
    assert execute(config).was_finished
    assert caplog.messages == [f"run {folder.identity} is already finished{said}; force=true repeats it"]


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", json.dumps({"numpy": 2, "blas": None, "simd": ["x"]})])
def test_nothing_is_said_where_nothing_is_known(
    content: str | None, outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = small_config(outputs)
    folder = execute(config).folder
    folder.environment.unlink()
    if content is not None:
        folder.environment.write_text(content)
    assert execute(config).computed_with == ""
    assert "computed with" not in caplog.text


def test_reused_run_of_a_sweep_says_so_in_its_line(outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small_config(outputs)
    computed_with(execute(config).folder, numpy="2.2.1")
    with caplog.at_level(logging.INFO):
        run_sweep([Cell("lr=0.1", {"optimizer.lr": "0.1"}, config)])
    (line,) = (message for message in caplog.messages if message.startswith("[1/1]"))
    assert line.endswith("was finished (with numpy 2.2.1)")


@pytest.mark.parametrize("key", ["until epoch ", "until epoch 0", "until epoch 03", "until epoch ٣", "until epoch -1"])
def test_key_that_names_no_epoch_is_none(key: str, tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    write_json(path, {"numpy": "2.4.6", key: {"numpy": "2.2.1"}})
    assert otherwise(recorded_stages(path), {"numpy": "2.4.6"}) == ""
