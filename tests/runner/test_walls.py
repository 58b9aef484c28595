"""Who may know whom: read from the source, so that no import hides in a function."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.runner.composed import CHECKOUT, CONF

SOURCES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for folder in ("cnn_core", "experiments", "conf")
    for path in (CHECKOUT / folder).rglob("*.py")
)
CONSTRUCTED = {"Adam", "Optimizer", "SGD", "Sequential", "simple_cnn"}  # what only the build module makes
BENCHMARKING = "experiments/benchmarking/"


@cache
def tree(source: str) -> ast.Module:
    return ast.parse((CHECKOUT / source).read_text(encoding="utf-8"))


@cache
def imported(source: str) -> set[str]:
    """Every module imported anywhere in a file, `import_module("name")` and `__import__("name")` included."""
    return set(_imported(tree(source)))


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(name)):
                yield name
                yield from (f"{name}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]
            ):
                if called in ("import_module", "__import__"):
                    yield name


def importers(*packages: str) -> set[str]:
    """The files that import one of these packages or anything in them."""
    return {
        source
        for source in SOURCES
        if any(name == package or name.startswith(f"{package}.") for name in imported(source) for package in packages)
    }


def test_imports_are_found_wherever_they_hide() -> None:
    code = """
import a.b
def f():
    from c import d
    import_module("e.f")
    importlib.import_module("g")
    __import__("h")
"""
    assert set(_imported(ast.parse(code))) == {"a.b", "c", "c.d", "e.f", "g", "h"}


def test_one_file_imports_mlflow() -> None:
    assert importers("mlflow") == {"experiments/store/client.py"}


def test_hydras_plugins_are_known_to_plugins_only() -> None:
    assert {source.rpartition("/")[0] for source in importers("hydra.plugins")} == {"experiments/plugins/hydra_plugins"}


def test_one_file_speaks_to_pytorch_and_is_imported_late() -> None:
    assert importers("torch") == {f"{BENCHMARKING}pytorch_work.py"}
    for source in importers("experiments.benchmarking.pytorch_work"):
        assert source.startswith(BENCHMARKING)
        imports = [
            node
            for node in ast.walk(tree(source))
            if isinstance(node, ast.ImportFrom) and node.module == "experiments.benchmarking.pytorch_work"
        ]
        assert all(node.col_offset > 0 for node in imports), source  # within a function


def test_one_file_makes_networks_and_optimizers_but_for_those_that_are_only_measured() -> None:
    makers = {
        source
        for source in SOURCES
        if not source.startswith("cnn_core/")
        for node in ast.walk(tree(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CONSTRUCTED
    }
    assert makers == {"experiments/training/build.py", f"{BENCHMARKING}nets.py", f"{BENCHMARKING}numpy_work.py"}


def test_core_knows_no_runner() -> None:
    assert not {source for source in importers("experiments", "conf") if source.startswith("cnn_core/")}


def test_core_needs_numpy_and_the_standard_library_only() -> None:
    allowed = {"numpy", "cnn_core", *sys.stdlib_module_names}
    for source in SOURCES:
        if source.startswith("cnn_core/"):
            assert {name.partition(".")[0] for name in imported(source)} <= allowed, source


@pytest.mark.parametrize("folder", ["experiments/pictures/", "experiments/training/", "experiments/data/"])
def test_work_knows_neither_tracker_nor_command_line(folder: str) -> None:
    assert not {source for source in importers("mlflow", "hydra", "omegaconf") if source.startswith(folder)}


def test_training_and_data_know_no_runs() -> None:
    known = importers("experiments.tracking", "experiments.store", "experiments.runs", "experiments.sweeps")
    assert not {source for source in known if source.startswith(("experiments/training/", "experiments/data/"))}


def test_access_to_mlflow_knows_no_run_folders() -> None:
    known = importers("experiments.runs", "experiments.sweeps", "experiments.tracking")
    assert not {source for source in known if source.startswith("experiments/store/")}


def test_global_generators_are_nowhere() -> None:
    own = {"default_rng", "Generator", "SeedSequence", "PCG64"}
    for source in SOURCES:
        used = {
            node.attr
            for node in ast.walk(tree(source))
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random")
        }
        assert used <= own, source
    assert importers("random") == set()


def keys(node: object) -> Iterator[str]:
    match node:
        case dict():
            for key, value in node.items():
                yield str(key)
                yield from keys(value)
        case list():
            for value in node:
                yield from keys(value)


def test_files_name_no_code_to_run() -> None:
    # A configuration may come back from a server; only Hydra's own part says which class to build.
    own = [path for path in CONF.rglob("*.yaml") if path.relative_to(CONF).parts[0] != "hydra"]
    assert own
    for path in own:
        assert "_target_" not in set(keys(yaml.safe_load(path.read_text(encoding="utf-8")))), path


STARTED = """
import sys
import experiments.hydra_main
assert not {"mlflow", "matplotlib", "sklearn", "pandas"} & set(sys.modules), sorted(sys.modules)
"""
UNOBSERVED = """
import sys
from experiments.store.client import TrackerError
from experiments.store.store import Store
try:
    Store("http://127.0.0.1:9").experiment_id("cnn", None)
except TrackerError:
    from mlflow.telemetry.client import get_telemetry_client
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
    assert get_telemetry_client() is None, "MLflow reports home"
    assert (MLFLOW_HTTP_REQUEST_MAX_RETRIES.get(), MLFLOW_HTTP_REQUEST_TIMEOUT.get()) == (0, 5)
    sys.exit(42)
"""


# Python imports this file in every process that it starts. It notes each import, for a worker may be killed at its end.
NOTES = """
import os, sys
file = os.open(f"{os.environ['NOTES']}/{os.getpid()}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def note(event, arguments):
    if event == "import":
        os.write(file, f"{arguments[0]}\\n".encode())
sys.addaudithook(note)
"""


def run(code: str) -> int:
    # A plain shell's variables only: many others, those of a CI service among them, switch the reports off.
    env = {
        key: value for key, value in os.environ.items() if key.startswith(("PATH", "HOME", "LANG", "TMP", "COVERAGE"))
    }
    return subprocess.run(
        [sys.executable, "-c", code], env={**env, "PYTHONPATH": str(CHECKOUT)}, check=False
    ).returncode


def test_starting_imports_nothing_slow() -> None:
    assert run(STARTED) == 0


def test_mlflow_does_not_report_home_and_does_not_wait_for_minutes() -> None:
    assert run(UNOBSERVED) == 42


@pytest.mark.usefixtures("store_uri")
@pytest.mark.parametrize("more", [[], ["-m", "seed=0,1", "launcher=joblib", "launcher.n_jobs=2"]], ids=["run", "sweep"])
def test_processes_that_train_import_neither_tracker_nor_pictures(
    more: list[str], outputs: Path, tmp_path: Path
) -> None:
    site, notes = tmp_path / "site", tmp_path / "notes"
    for folder in (site, notes):
        folder.mkdir()
    (site / "sitecustomize.py").write_text(NOTES)
    small = ["data=mnist_5k", "model.channels=[2]", "model.hidden_size=8", "trainer.epochs=1", f"outputs_dir={outputs}"]
    command = [sys.executable, "-m", "experiments.train", *small, *more]
    environment = {**os.environ, "PYTHONPATH": f"{site}:{CHECKOUT}", "NOTES": str(notes)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    noted = [path.read_text().split() for path in notes.iterdir()]
    packages = [{name.partition(".")[0] for name in names} for names in noted]
    training = [own for own, names in zip(packages, noted, strict=True) if "experiments.training.loop" in names]
    assert len(training) == (2 if more else 1)  # workers are forks; the command of a sweep is able to train, too
    assert not set.union(*training) & {"mlflow", "matplotlib", "pandas", "sklearn"}
    assert sum("hydra" in own for own in training) == 1  # the command
    assert sum("mlflow" in own for own in packages) == 1  # the publisher
