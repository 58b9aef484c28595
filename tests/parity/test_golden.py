"""The golden values are those that PyTorch gives, and there are some of everything."""

from pathlib import Path

import numpy as np

import cnn_core
from cnn_core import Module, Optimizer, Parameter
from tests.core.arrays import distance
from tests.golden.cases import LAYERS, OPTIMIZERS
from tests.golden.files import FOLDER, read
from tests.golden.make_golden import make

CONTAINERS = {"Module", "Sequential"}  # no arithmetic of their own


def test_golden_files_are_what_their_script_makes(tmp_path: Path) -> None:
    make(tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == sorted(file.name for file in FOLDER.iterdir())
    for name in names:
        made, kept = read(Path(name).stem, tmp_path), read(Path(name).stem)
        assert made.keys() == kept.keys(), name
        for key, array in made.items():
            assert array.dtype == kept[key].dtype, f"{name}: {key}"
            assert distance(array, kept[key]) <= 1e-11, f"{name}: {key}"  # the last digits are the machine's


def test_golden_files_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 300_000


def test_every_layer_and_optimizer_has_golden_values() -> None:
    exported = {name: what for name in cnn_core.__all__ if isinstance(what := getattr(cnn_core, name), type)}
    expected = {name for name, kind in exported.items() if issubclass(kind, Module | Optimizer)} - {"Optimizer"}
    layers = {type(case.build(np.float64)).__name__ for case in LAYERS.values()}
    optimizers = {type(make([Parameter(np.ones(1))])).__name__ for make in OPTIMIZERS.values()}
    assert expected - CONTAINERS - layers - optimizers == set()
