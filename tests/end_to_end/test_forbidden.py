"""Folders that cannot be written, and what stands in the place of a file: a line or two, and no traceback."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.end_to_end.conftest import PATIENCE, TINY, finish
from tests.end_to_end.disks import Disk, mounted
from tests.runner.composed import CHECKOUT
from tests.runner.stores import make_store

WORDS = [*TINY, "trainer.epochs=2"]


def unusual(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """What a command says besides how far it is."""
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if not line.startswith(("run ", "  ", "epoch "))]


@pytest.fixture
def disk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A disk with an empty store in its folder `outputs`."""
    with mounted(tmp_path / "disk", "size=64m") as made:
        make_store(made.path / "outputs", tmp_path_factory)
        yield made


@pytest.mark.long
def test_disk_that_can_only_be_read_is_named(disk: Disk, elsewhere: Path) -> None:
    outputs = disk.path / "outputs"
    trained = finish("train", "-m", *WORDS, "seed=0,1", f"outputs_dir={outputs}", cwd=elsewhere)
    assert trained.returncode == 0, trained.stderr
    disk.remount("ro")
    for more in (["seed=2"], ["-m", "seed=2,3"]):
        refused = finish("train", *WORDS, *more, f"outputs_dir={outputs}", cwd=elsewhere)
        (line,) = unusual(refused)
        assert refused.returncode == 1
        assert line.startswith(f"{outputs}/")
        assert line.endswith(": Read-only file system; is outputs_dir a folder that can be read and written?")
    planned = finish("train", *WORDS, "seed=0", "dry_run=true", f"outputs_dir={outputs}", cwd=elsewhere)
    assert (planned.returncode, unusual(planned)) == (0, [])
    compared = finish("compare", "--outputs-dir", str(outputs), cwd=elsewhere)
    assert compared.returncode == 1
    assert len(unusual(compared)) == 1


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_folder_of_somebody_else_is_named(elsewhere: Path) -> None:
    with TemporaryDirectory() as folder:  # pytest's own are for their owner alone
        Path(folder).chmod(0o755)
        refuse_somebody_else(Path(folder), elsewhere)


def refuse_somebody_else(outputs: Path, elsewhere: Path) -> None:
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*somebody, sys.executable, "-m", "experiments.train", *WORDS, f"outputs_dir={outputs}"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if "Permission denied" not in done.stderr and "No module named" in done.stderr:
        pytest.skip("nobody else can read the packages that are installed here")
    (line,) = unusual(done)
    assert done.returncode == 1
    assert line == f"{outputs}/runs: Permission denied; is outputs_dir a folder that can be read and written?"


@pytest.mark.long
@pytest.mark.parametrize("damage", ["no database", "a folder", "no lock", "nobody may write"])
def test_store_that_cannot_be_used_costs_one_warning(damage: str, disk: Disk, tmp_path: Path, elsewhere: Path) -> None:
    database = disk.path / "outputs" / "mlflow.db"
    match damage:
        case "no database":
            database.write_bytes(b"nonsense" * 1000)
        case "a folder":
            database.unlink()
            database.mkdir()
        case "no lock":
            Path(f"{database}.lock").unlink(missing_ok=True)
            Path(f"{database}.lock").mkdir()
        case "nobody may write":
            disk.remount("ro")
    done = finish("train", *WORDS, f"outputs_dir={tmp_path}/o", f"tracking.uri=sqlite:///{database}", cwd=elsewhere)
    first, second = unusual(done)
    assert done.returncode == 0
    assert first.startswith(f"tracking.uri=sqlite:///{database}: ")
    assert second.startswith("Nothing is lost: 1 run is not complete there yet")


def test_folder_in_the_place_of_a_file_is_named(
    tmp_path: Path, elsewhere: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outputs = tmp_path / "outputs"
    make_store(outputs, tmp_path_factory)
    (outputs / "runs").touch()
    done = finish("train", *WORDS, f"outputs_dir={outputs}", cwd=elsewhere)
    (line,) = unusual(done)
    assert done.returncode == 1
    assert line.startswith(f"{outputs}/runs")
    assert line.endswith("; move away what is in its place, or choose another outputs_dir")
