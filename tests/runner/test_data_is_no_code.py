"""No file and no answer of a server can become code: nothing here reads pickle, evaluates text or builds what it names.

joblib sends pickled tasks between processes of our own; that is inside joblib, and nothing of it lies on a disk.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.runner.test_walls import SOURCES, tree

READS_STRANGERS = "experiments/untrusted.py"
READS_JSON = {
    READS_STRANGERS,
    "experiments/config/places.py",  # what pip wrote about our own installation
    "experiments/tracking/__main__.py",  # what the command that started it wants
    "experiments/tracking/process.py",  # what the publisher says that it has started
}

UNPICKLE = {"pickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "numpy_pickle", "runpy", "code"}
CARRY_OUT = {"eval", "exec", "compile", "literal_eval", "instantiate", "get_class", "get_method", "get_object"}
MAY_UNPICKLE = {"load", "save", "savez", "savez_compressed", "read_array", "write_array"}  # of NumPy, unless forbidden
YAML_WRITES = {"safe_dump"}


def makes_code_of_data(module: ast.Module) -> Iterator[str]:
    """The places where pickle could be read, text evaluated, or a class built because data names it."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                suspect = any(UNPICKLE & set(alias.name.split(".")) for alias in names)
            case ast.ImportFrom(module=str(name), names=names):
                words = {*name.split("."), *(alias.name for alias in names)}
                suspect = bool((UNPICKLE | CARRY_OUT | (MAY_UNPICKLE if "numpy" in words else set())) & words)
            case ast.Constant(value="_target_"):
                suspect = True
            case ast.Call(func=ast.Name(id=name)):
                suspect = name in CARRY_OUT | {"__import__"}
            case ast.Call(func=ast.Attribute(attr=name, value=owner)):
                suspect = is_suspect(ast.unparse(owner), name, node.keywords)
            case _:
                suspect = False
        if suspect:
            yield ast.unparse(node)


def is_suspect(owner: str, name: str, keywords: list[ast.keyword]) -> bool:
    """Whether a call of what belongs to a module may run what data says."""
    match owner.split("."):
        case ["re"]:
            return False
        case ["np" | "numpy" | "format", *_] if name in MAY_UNPICKLE:
            return not any(word.arg == "allow_pickle" and ast.unparse(word.value) == "False" for word in keywords)
        case ["joblib" | "torch", *_] if name in ("load", "dump", "save"):
            return True
    return name in CARRY_OUT


def used_of(module: ast.Module, name: str) -> set[str]:
    """Which names of an imported module a file uses."""
    attributes = {
        node.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom) and node.module == name]
    return attributes | {alias.name for node in imports for alias in node.names}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import numpy_pickle",
        "from joblib.numpy_pickle import load",
        "from hydra.utils import instantiate",
        "hydra.utils.instantiate(config)",
        "eval('1')",
        "builtins.exec('1')",
        "ast.literal_eval('1')",
        "np.load(path)",
        "from numpy import load",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=wanted)",
        "np.lib.format.read_array(file)",
        "np.savez(path, **state)",
        "joblib.load(path)",
        "config['_target_']",
        "__import__(name)",
    ],
)
def test_what_is_looked_for_is_found(line: str) -> None:
    assert list(makes_code_of_data(ast.parse(f"def f():\n    {line}")))


@pytest.mark.parametrize("line", ["re.compile('a')", "np.load(path, allow_pickle=False)", "json.load(file)"])
def test_what_is_harmless_is_not(line: str) -> None:
    assert list(makes_code_of_data(ast.parse(line))) == []


@pytest.mark.parametrize("source", SOURCES)
def test_data_stays_data(source: str) -> None:
    assert list(makes_code_of_data(tree(source))) == []


def test_one_file_reads_yaml() -> None:
    assert {source for source in SOURCES if used_of(tree(source), "yaml") - YAML_WRITES} == {READS_STRANGERS}


def test_one_file_reads_json_that_may_come_from_strangers() -> None:
    assert {source for source in SOURCES if used_of(tree(source), "json") & {"load", "loads"}} <= READS_JSON
