"""Whatever happens to runs, their store and the publisher: the next pass makes MLflow show what the folders say."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from experiments.runs.history import History
from experiments.runs.status import read_status
from experiments.tracking.client import mlflow
from experiments.tracking.outbox import all_folders, unpublished
from experiments.tracking.publisher import Publisher
from experiments.tracking.targets import Target, shown_by, targets
from tests.runner.tracking.faults import Fault, Killed, faulty_publisher
from tests.runner.tracking.folders import RunProcess, SweepProcess

RUNS, SWEEPS = ("1" * 12, "2" * 12, "3" * 12), ("a" * 12, "b" * 12)
STATUS = {
    "running": "RUNNING",
    "completed": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
    "paused": "KILLED",
}
CALLS = ["create_run", "log_batch", "set_terminated", "update_run", "search_runs", "get_experiment_by_name"]
WHICH = st.integers(0, 5)
A = TypeVar("A")


def one(choices: Sequence[A], which: int) -> A:
    return choices[which % len(choices)]


class Machine(RuleBasedStateMachine):
    """Some runs and sweeps in one outputs folder. It remembers what each came to, and whom a person has deleted."""

    def __init__(self, ready: Path, root: Path) -> None:
        super().__init__()
        self.ready, self.root = ready, root
        self.place = 0
        for outputs in (root / "0", root / "1"):
            shutil.rmtree(outputs, ignore_errors=True)
        self.outputs.mkdir()
        self.alive: dict[str, RunProcess] = {}
        self.sweeps_alive: dict[str, SweepProcess] = {}
        self.outcomes: dict[str, str] = {}  # by name of the folder
        self.deleted: set[str] = set()  # keys
        self.is_store_lost = False
        self.version = 0
        self.publishers: list[Publisher] = []  # the last one is at work
        self._new_store()

    @property
    def outputs(self) -> Path:
        return self.root / str(self.place)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.outputs}/mlflow.db"

    def _new_store(self) -> None:
        """An empty store, and a publisher that knows no other."""
        self._close_store()
        for path in self.outputs.glob("mlflow.db*"):
            path.unlink()
        shutil.copyfile(self.ready, self.outputs / "mlflow.db")
        self.restart_publisher()

    def _close_store(self) -> None:
        if (self.outputs / "mlflow.db").exists():
            mlflow().MlflowClient(self.uri)._tracking_client.store.engine.dispose()

    def _runs(self, *outcomes: str) -> list[str]:
        """Runs that no process is at, and that came to this."""
        return [name for name in RUNS if name not in self.alive and self.outcomes.get(name, "new") in outcomes]

    def _process(self, name: str, sweep: str = "") -> RunProcess:
        return RunProcess(self.outputs, name, self.uri, sweep=sweep)

    def _end(self, name: str, outcome: str) -> None:
        (self.alive.pop(name, None) or self.sweeps_alive.pop(name)).end(outcome)
        self.outcomes[name] = outcome

    # Runs

    @precondition(lambda self: self._runs("new"))
    @rule(which=WHICH, sweep=WHICH)
    def start(self, which: int, sweep: int) -> None:
        name = one(self._runs("new"), which)
        process = self._process(name, one(["", *self.sweeps_alive], sweep))
        process.begin()
        self.alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self._runs("running", "failed", "interrupted", "paused"))
    @rule(which=WHICH, sweep=WHICH, back=st.integers(0, 2), lost=st.booleans())
    def resume(self, which: int, sweep: int, back: int, lost: bool) -> None:
        """From a checkpoint some epochs before the end of the history, which may be lost."""
        name = one(self._runs("running", "failed", "interrupted", "paused"), which)
        history = self.outputs / "runs" / name / "history.jsonl"
        if lost and back == 2:
            history.unlink(missing_ok=True)
        process = self._process(name, one(["", *self.sweeps_alive], sweep))
        process.begin(max(0, len(History(history).rows()) - back))
        self.alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self._runs("completed", "failed", "interrupted", "paused"))
    @rule(which=WHICH)
    def force(self, which: int) -> None:
        name = one(self._runs("completed", "failed", "interrupted", "paused"), which)
        process = self._process(name)
        shown = shown_by(process.path, *process.target.place)
        if shown is None or not shown.state:  # `execute` refuses
            process.kill()
            return
        process.force()
        self.alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self._runs("completed") and self.sweeps_alive)
    @rule(which=WHICH, sweep=WHICH)
    def share(self, which: int, sweep: int) -> None:
        """A finished run is one of another sweep's as well."""
        process = self._process(one(self._runs("completed"), which), one(list(self.sweeps_alive), sweep))
        process.show()
        process.kill()

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, differs=st.sampled_from([False, False, True]))
    def epoch(self, which: int, differs: bool) -> None:
        self.version += 1
        self.alive[one(list(self.alive), which)].epoch(self.version if differs else None)

    @precondition(lambda self: any(process.epochs for process in self.alive.values()))
    @rule(which=WHICH)
    def finish(self, which: int) -> None:
        name = one([name for name, process in self.alive.items() if process.epochs], which)
        self.alive.pop(name).finish()
        self.outcomes[name] = "completed"

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, outcome=st.sampled_from(["failed", "interrupted", "paused"]))
    def stop(self, which: int, outcome: str) -> None:
        self._end(one(list(self.alive), which), outcome)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        self.alive.pop(one(list(self.alive), which)).kill()

    # Sweeps

    @precondition(lambda self: len(self.sweeps_alive) < len(SWEEPS))
    @rule(which=WHICH)
    def start_sweep(self, which: int) -> None:
        name = one([name for name in SWEEPS if name not in self.sweeps_alive], which)
        process = SweepProcess(self.outputs, name, self.uri, "sweeps")
        process.begin(*RUNS)
        self.sweeps_alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self.sweeps_alive)
    @rule(which=WHICH, outcome=st.sampled_from(["completed", "failed", "interrupted"]))
    def end_sweep(self, which: int, outcome: str) -> None:
        self._end(one(list(self.sweeps_alive), which), outcome)

    @precondition(lambda self: self.sweeps_alive)
    @rule(which=WHICH)
    def kill_sweep(self, which: int) -> None:
        self.sweeps_alive.pop(one(list(self.sweeps_alive), which)).kill()

    # What people do

    @precondition(lambda self: self._shown())
    @rule(which=WHICH)
    def delete_in_mlflow(self, which: int) -> None:
        shown = self._shown()
        key = one(shown, which).data.tags["run.key"]
        for run in shown:
            if run.data.tags["run.key"] == key:
                self.client.delete_run(run.info.run_id)
        self.deleted.add(key)

    @rule()
    def delete_database(self) -> None:
        self._new_store()
        self.deleted, self.is_store_lost = set(), True

    @precondition(lambda self: not self.alive and not self.sweeps_alive)
    @rule()
    def move(self) -> None:
        self._close_store()
        before, self.place = self.outputs, 1 - self.place
        shutil.rmtree(self.outputs, ignore_errors=True)
        before.rename(self.outputs)
        self._close_store()
        self.restart_publisher()

    # The publisher

    @rule()
    def restart_publisher(self, *, asks_all: bool = False) -> None:
        for gone in self.publishers:
            gone.close()  # as the operating system does with the locks of a process
        self.publisher, self.faulty = faulty_publisher(self.uri, self.outputs, asks_all=asks_all)
        self.publishers = [self.publisher]
        self.client = mlflow().MlflowClient(self.uri)

    @rule(call=st.sampled_from(CALLS), fault=st.sampled_from(Fault))
    def publish(self, call: str, fault: Fault) -> None:
        """Where one call goes wrong; then as often as it takes."""
        self.faulty.expect(call, fault)
        try:
            for _ in range(2):
                self.publisher.publish()
        except Killed:
            self.restart_publisher()

    @rule()
    def publish_and_compare(self) -> None:
        """Without a fault MLflow shows all that the folders say, each thing once."""
        self.faulty.settle()
        if self.is_store_lost:  # as `sync` does, and a command that finds no database
            self.restart_publisher(asks_all=True)
        done = self.publisher.publish(all_folders(self.outputs) if self.is_store_lost else None, again=True)
        assert done.unreachable is None
        assert done.refused == {}
        self.is_store_lost = False
        alive = {*self.alive, *self.sweeps_alive}
        assert {folder.name for folder in unpublished(self.outputs)} == alive
        current = {t.key: folder for folder in all_folders(self.outputs) for t in targets(folder) if t.current}
        shown = self._shown()
        for run in shown:
            rows = self.client.get_metric_history(run.info.run_id, "train/loss")
            assert [row.step for row in rows] == list(range(1, len(rows) + 1))
            if run.info.status == "RUNNING":
                assert current[run.data.tags["run.key"]].name in alive
        ended = [key for run in shown if current.get(key := run.data.tags["run.key"], self.root).name not in alive]
        assert len(ended) == len(set(ended))  # of one that is under way there may be two, where an answer came late
        for key, folder in current.items():
            found = [run for run in shown if run.data.tags["run.key"] == key]
            assert bool(found) == (key not in self.deleted)
            if len(found) == 1:
                self._compare(found[0], folder, next(t for t in targets(folder) if t.key == key), folder.name in alive)

    def _compare(self, run: Any, folder: Path, target: Target, is_alive: bool) -> None:
        outcome, tags, status = self.outcomes[folder.name], run.data.tags, read_status(folder)
        assert status is not None
        rows = History(folder / "history.jsonl").rows()
        if not is_alive:
            outcome = outcome.replace("running", "interrupted")  # it was killed
            last_ms = max([status.started_ms, *(row.timestamp_ms for row in rows)])
            assert run.info.end_time == (status.ended_ms or last_ms)
            assert tags["outcome"] == outcome.replace("paused", "interrupted")
        assert run.info.status == STATUS[outcome]
        if folder.parent.name == "sweeps":
            assert (tags["sweep.id"], tags["sweep.size"]) == (folder.name, str(len(RUNS)))
            return
        assert tags["identity"] == folder.name
        assert run.data.params == {"seed": "0", "optimizer.lr": "0.1"}
        values = self.client.get_metric_history(run.info.run_id, "train/loss")
        assert [(m.step, m.value) for m in values] == [(row.epoch, row.metrics["train/loss"]) for row in rows]
        assert (len(self.client.get_metric_history(run.info.run_id, "best/epoch")) == 1) == (outcome == "completed")
        assert ("mlflow.parentRunId" in tags) == bool(target.sweep)
        if target.sweep:
            (parent,) = targets(self.outputs / "sweeps" / target.sweep)
            everywhere = self._shown("ALL")
            assert tags["mlflow.parentRunId"] in [
                r.info.run_id for r in everywhere if r.data.tags["run.key"] == parent.key
            ]

    def _shown(self, view: str = "ACTIVE_ONLY") -> list[Any]:
        experiment = self.client.get_experiment_by_name("cnn")
        which = getattr(mlflow().entities.ViewType, view)
        return list(self.client.search_runs([experiment.experiment_id], "", which)) if experiment is not None else []

    def teardown(self) -> None:
        try:
            for processes in (self.alive, self.sweeps_alive):
                while processes:
                    processes.popitem()[1].kill()
            self.publish_and_compare()
        finally:
            self._close_store()


def converges(ready: Path, root: Path, examples: int, steps: int) -> None:
    kept = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Machine(ready, root), settings=kept)  # type: ignore[arg-type]  # any callable does


@pytest.mark.usefixtures("no_pictures")
def test_store_converges_whatever_happens(ready: Path, tmp_path: Path) -> None:
    converges(ready, tmp_path, examples=30, steps=15)


@pytest.mark.long
@pytest.mark.usefixtures("no_pictures")
def test_store_converges_whatever_happens_for_long(ready: Path, tmp_path: Path) -> None:
    converges(ready, tmp_path, examples=500, steps=15)
