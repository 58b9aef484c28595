"""Where trials take place: folders, a store that is made once and copied, and runs that nothing happened to."""

import shutil
import sqlite3
import time
from contextlib import closing
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from tests.faults import job
from tests.faults.evidence import Result, result, run_folder
from tests.faults.processes import begin, fork
from tests.faults.site import Site


class Undisturbed(NamedTuple):
    """A run that nothing happened to: what it came to, and how long it took."""

    result: Result
    seconds: float


class Ground:
    """A folder for trials.

    Args:
        base: it, empty.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self._number = 0
        self._folders: list[Path] = []
        self._site: Site | None = None

    def outputs(self, name: str, *, kept: bool = False) -> Path:
        """A new outputs folder with an empty store in it, for one trial or to be kept for all that follow."""
        self._number += 1
        folder = self.base / f"{name}{self._number}"
        if not kept:
            self._folders.append(folder)
        self.put_store(folder / "outputs")
        return folder / "outputs"

    def put_store(self, outputs: Path) -> None:
        """Put an empty store where a run would make its own, which takes seconds."""
        outputs.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._store)) as source, closing(sqlite3.connect(outputs / "mlflow.db")) as store:
            source.backup(store)

    def clear(self) -> None:
        """Remove the folders of the trials so far."""
        for folder in self._folders:
            shutil.rmtree(folder)
        self._folders = []

    @cache  # noqa: B019  # there is one ground in a process
    def undisturbed(self, epochs: int = job.EPOCHS, *, images: int = job.IMAGES, fresh: bool = False) -> Undisturbed:
        """The run of this many epochs that nothing happened to; a fresh one is started as a user does."""
        if not fresh:
            fork(job.words(self.outputs("warm")), self.base / "warm").wait()  # the first waits for the imports
        outputs = self.outputs("undisturbed")
        began = time.monotonic()
        command = (begin if fresh else fork)(job.words(outputs, epochs=epochs, images=images), outputs.parent)
        assert command.wait() == 0, command.err
        return Undisturbed(result(run_folder(outputs), command.out), time.monotonic() - began)

    @cached_property
    def site(self) -> Site:
        """A tracking server, and what stands before it."""
        folder = self.base / "server"
        self.put_store(folder)
        self._site = Site(folder, folder / "mlflow.db")
        return self._site

    def close(self) -> None:
        """End what was started."""
        if self._site is not None:
            self._site.close()

    @cached_property
    def _store(self) -> Path:
        """An empty store with the tables of MLflow, made by a run like any other."""
        outputs = self.base / "first" / "outputs"
        command = begin(job.words(outputs, epochs=1), outputs.parent)
        assert command.wait() == 0, command.err
        database = outputs / "mlflow.db"
        with closing(sqlite3.connect(database)) as store:
            for table in ("metrics", "latest_metrics", "params", "tags", "inputs", "runs"):
                store.execute(f"DELETE FROM {table}")
            store.execute("DELETE FROM experiments WHERE name = 'cnn'")
            store.commit()
        return database
