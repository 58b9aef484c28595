"""Sweeps without Hydra's composition: a word of the command line changes a key of the small configuration."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.schema import Config
from experiments.sweeps.cell import Cell
from experiments.sweeps.grid import cells
from tests.runner.configs import changed, small_config

Grid = Callable[..., list[Cell]]


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    """The runs of a command line; `zipped` and `excluded` are those of `cells`."""

    def compose(overrides: list[str]) -> Config:
        pairs = [override.lstrip("+").split("=") for override in overrides]
        return changed(small_config(tmp_path), {key: yaml.safe_load(value) for key, value in pairs})

    def found(*words: str, **settings: list[object]) -> list[Cell]:
        return cells(OverridesParser.create().parse_overrides(list(words)), compose, **settings)

    return found
