"""A store with five thousand finished runs: a new sweep begins about as soon as on an empty one."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import pytest

from experiments.runs.folder import RunFolder
from experiments.runs.identity import identity
from tests.end_to_end.conftest import PATIENCE, TINY, begin, finish
from tests.end_to_end.sweeps import wait_for
from tests.runner.composed import composed_config
from tests.runner.stores import make_store

pytestmark = pytest.mark.long

RUNS = 5000
STARTS = 5
SLOWER = 1.0  # seconds
ID = "substr(run_uuid, 1, 27) || printf('%05d', number)"  # of a copy: 32 digits, as MLflow's are


@pytest.fixture
def empty(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make_store(tmp_path / "empty", tmp_path_factory)
    return tmp_path / "empty"


@pytest.fixture
def large(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, elsewhere: Path) -> Path:
    """The outputs of a sweep, one of whose runs there is five thousand times."""
    outputs = tmp_path / "large"
    make_store(outputs, tmp_path_factory)
    done = finish("train", "-m", *TINY, "seed=1,2", f"outputs_dir={outputs}", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(outputs / "mlflow.db")) as store, store:
        run_id, name = store.execute("SELECT run_uuid, value FROM tags WHERE key = 'identity'").fetchone()
        (key,) = store.execute("SELECT value FROM tags WHERE key = 'run.key' AND run_uuid = ?", (run_id,)).fetchone()
        for table in ("runs", "params", "metrics", "latest_metrics", "tags"):
            copy(store, table, run_id)
    original = RunFolder(outputs, name).path
    for number in range(1, RUNS + 1):
        copied = RunFolder(outputs, f"{number:012x}")
        copied.path.mkdir()
        for file in original.iterdir():
            if file.name not in ("lock", "publish.lock", "targets.json", "published.json"):
                os.link(file, copied.path / file.name)
        for name in ("targets.json", "published.json"):
            text = (original / name).read_text()
            for unique in (run_id, key):
                text = text.replace(unique, f"{unique[:27]}{number:05d}")
            (copied.path / name).write_text(text)
    return outputs


def copy(store: sqlite3.Connection, table: str, run_id: str) -> None:
    """Add copies of what a table knows of a run, each with an id and an identity of its own."""
    columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(ID if column == "run_uuid" else column for column in columns)
    if table == "tags":
        unique = {"identity": "printf('%012x', number)", "run.key": ID.replace("run_uuid", "value")}
        cases = " ".join(f"WHEN '{tag}' THEN {value}" for tag, value in unique.items())
        value = f"CASE key {cases} ELSE value END"
        values = ", ".join({"run_uuid": ID, "value": value}.get(column, column) for column in columns)
    store.execute(
        f"WITH RECURSIVE counted(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {RUNS}) "
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}, counted WHERE run_uuid = ?",
        (run_id,),
    )


@contextmanager
def begun(outputs: Path, seed: int, elsewhere: Path) -> Iterator[float]:
    """Begin a sweep; the seconds until its first run has recorded an epoch."""
    folder = RunFolder(outputs, identity(composed_config(*TINY, f"seed={seed}")))
    words = ["train", "-m", *TINY, f"seed={seed},{seed + 1}", f"outputs_dir={outputs}"]
    start = time.monotonic()
    process = begin(*words, cwd=elsewhere)
    wait_for(lambda: folder.history.exists() and folder.history.stat().st_size)
    yield time.monotonic() - start
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err


def test_sweep_begins_as_soon_as_on_an_empty_store(empty: Path, large: Path, elsewhere: Path) -> None:
    with closing(sqlite3.connect(large / "mlflow.db")) as store:
        finished = store.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()
    assert finished == (RUNS + 3,)  # with the sweep's own run
    slower = []
    for number in range(STARTS):
        seconds = {}
        for outputs in (empty, large) if number % 2 else (large, empty):
            with begun(outputs, 10 + 2 * number, elsewhere) as took:
                seconds[outputs] = took
        slower.append(seconds[large] - seconds[empty])
    assert median(slower) < SLOWER
