"""Nothing that computes is left out: every layer, loss and optimizer there is has a parity test and golden values."""

import ast
from pathlib import Path

import numpy as np

import cnn_core
from cnn_core import Module, Optimizer, Parameter
from tests.golden.cases import LAYERS, OPTIMIZERS

WITHOUT_ARITHMETIC = {"Module", "Sequential", "Optimizer"}
OF_NETWORKS = {"test_networks.py", "test_training_curves.py"}  # there one layer's fault can hide behind another
ABOUT_TESTS = {Path(__file__).name, "test_golden.py"}


def exported(*bases: type) -> set[str]:
    classes = {name: what for name in cnn_core.__all__ if isinstance(what := getattr(cnn_core, name), type)}
    return {name for name, what in classes.items() if issubclass(what, bases)} - WITHOUT_ARITHMETIC


def losses() -> set[str]:
    return {name for name in cnn_core.__all__ if name.endswith("Loss")}


def imported_from_cnn_core(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "cnn_core"]
    return {alias.name for node in imports for alias in node.names}


def test_every_layer_loss_and_optimizer_has_a_parity_test() -> None:
    files = [file for file in Path(__file__).parent.glob("test_*.py") if file.name not in OF_NETWORKS | ABOUT_TESTS]
    tested = set().union(*map(imported_from_cnn_core, files))  # an import that nothing uses is refused by ruff
    assert (exported(Module, Optimizer) | losses()) - tested == set()


def test_every_layer_loss_and_optimizer_has_golden_values() -> None:
    layers = {type(case.build(np.float64)).__name__ for case in LAYERS.values()}
    optimizers = {type(build([Parameter(np.ones(1))])).__name__ for build in OPTIMIZERS.values()}
    assert exported(Module) - layers == set()
    assert exported(Optimizer) - optimizers == set()
    assert losses() == {"CrossEntropyLoss"}  # of which tests/golden has cases
