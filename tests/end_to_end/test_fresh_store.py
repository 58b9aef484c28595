"""Eight processes that begin at the same moment, and a store that does not exist yet."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.starters import begin_at_once
from tests.runner.configs import small_config

PROCESSES, TIMES = 8, 4


@pytest.mark.long
def test_processes_that_begin_at_once_share_a_store_that_one_of_them_makes(tmp_path: Path) -> None:
    for time in range(TIMES):
        outputs = tmp_path / f"{time}" / "outputs"
        outputs.parent.mkdir()
        said = outputs.parent / "said.txt"
        configs = [small_config(outputs, seed=seed, trainer__epochs=1) for seed in range(PROCESSES)]
        codes = begin_at_once(configs, said)
        assert (codes, said.read_text()) == ([0] * PROCESSES, "")
        with closing(sqlite3.connect(outputs / "mlflow.db")) as store:
            runs = store.execute(
                "SELECT status, value FROM runs JOIN tags USING (run_uuid) WHERE key = 'identity'"
            ).fetchall()
            experiments = store.execute("SELECT count(*) FROM experiments WHERE name = 'cnn'").fetchone()
        finished = {("FINISHED", path.parent.name) for path in (outputs / "runs").glob("*/finished.json")}
        assert len(finished) == len(runs) == PROCESSES
        assert set(runs) == finished
        assert experiments == (1,)
