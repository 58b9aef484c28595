"""A sweep of two hundred runs: all of them finish, and nothing grows or is left behind."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.end_to_end.conftest import TINY, begin, finish
from tests.end_to_end.sweeps import statuses
from tests.runner.stores import make_store

pytestmark = pytest.mark.long

RUNS = 200
WARM = 20  # runs after which everything is imported and every cache is filled
GROWTH_MIB = 8  # a tenth of a megabyte a run; the canvas of a picture alone has two
COMPARED_IN = 5.0  # seconds


class Sample(NamedTuple):
    """What a process holds at some moment."""

    run: int
    memory_mib: float
    files: int


class Swept(NamedTuple):
    """A sweep that has ended, its process after each run, what it left, and the folders it could write to."""

    code: int
    samples: list[Sample]
    left: set[str]
    outputs: Path
    temporary: Path
    elsewhere: Path


def sample(run: int, pid: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    (memory,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return Sample(run, int(memory) / 1024, len(os.listdir(f"/proc/{pid}/fd")))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("many")
    outputs, temporary, elsewhere = folder / "outputs", folder / "temporary", folder / "elsewhere"
    temporary.mkdir()
    elsewhere.mkdir()
    make_store(outputs, tmp_path_factory)
    seeds = ",".join(map(str, range(RUNS)))
    words = ["train", "-m", *TINY, "trainer.epochs=2", f"seed={seeds}", f"outputs_dir={outputs}"]
    process = begin(*words, cwd=elsewhere, TMPDIR=str(temporary))
    assert process.stderr is not None
    samples = []
    for line in process.stderr:
        if ended := re.match(r"\[ *(\d+)/", line):
            samples.append(sample(int(ended[1]), process.pid))
    process.communicate()
    left = {path.name for path in outputs.iterdir()}
    return Swept(process.returncode, samples, left, outputs, temporary, elsewhere)


def test_all_finish(swept: Swept) -> None:
    assert swept.code == 0
    parent, runs = statuses(swept.outputs)
    assert parent == "FINISHED"
    assert list(runs.values()) == ["FINISHED"] * RUNS
    assert len(list((swept.outputs / "runs").glob("*/finished.json"))) == RUNS


def test_memory_does_not_grow(swept: Swept) -> None:
    first = [sample.memory_mib for sample in swept.samples if WARM < sample.run <= RUNS // 2]
    second = [sample.memory_mib for sample in swept.samples if sample.run > RUNS // 2]
    assert max(second) - max(first) < GROWTH_MIB


def test_no_file_stays_open(swept: Swept) -> None:
    # A sample may meet the next run with its files open.
    first = min(sample.files for sample in swept.samples if sample.run <= WARM)
    last = min(sample.files for sample in swept.samples if sample.run > RUNS - WARM)
    assert last <= first


def test_no_draft_is_left(swept: Swept) -> None:
    assert list(swept.outputs.rglob("*.draft")) == []
    assert swept.left == {"artifacts", "mlflow.db", "mlflow.db.lock", "outbox", "runs", "sweeps"}
    contents = {frozenset(path.name for path in folder.iterdir()) for folder in (swept.outputs / "runs").iterdir()}
    assert len(contents) == 1
    assert list(swept.temporary.iterdir()) == []
    assert list(swept.elsewhere.iterdir()) == []


def test_comparison_is_there_in_seconds(swept: Swept) -> None:
    begun = time.monotonic()
    done: subprocess.CompletedProcess[str] = finish(
        "compare", "--outputs-dir", str(swept.outputs), cwd=swept.elsewhere, TMPDIR=str(swept.temporary)
    )
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("%") >= RUNS  # a row for each
    assert seconds < COMPARED_IN
