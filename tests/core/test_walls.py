"""The core stands on NumPy and the standard library alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cnn_core

ALLOWED = sys.stdlib_module_names | {"numpy", "cnn_core"}
FILES = sorted(Path(cnn_core.__file__).parent.rglob("*.py"))

# Modules without a specification were never imported: Cython's runtime makes some within NumPy.
IMPORT_ALL = """
import sys
before = set(sys.modules)
import importlib, pkgutil, cnn_core
for module in pkgutil.walk_packages(cnn_core.__path__, "cnn_core."):
    importlib.import_module(module.name)
imported = [name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)]
print("\\n".join(sorted({name.partition(".")[0] for name in imported})))
"""


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "a relative import" if node.level else str(node.module).partition(".")[0]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_file_imports_numpy_and_the_standard_library_only(file: Path) -> None:
    assert set(imports(file)) <= ALLOWED


def test_importing_everything_loads_numpy_and_the_standard_library_only() -> None:
    root = Path(cnn_core.__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=root, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"numpy", "cnn_core"} <= loaded
    assert loaded - ALLOWED == set()


def test_every_public_name_exists_once() -> None:
    assert len(set(cnn_core.__all__)) == len(cnn_core.__all__)
    assert all(hasattr(cnn_core, name) for name in cnn_core.__all__)
