"""Whatever happens to runs, their store and the publisher: the next pass makes MLflow show what the folders say."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from experiments.runs.history import History
from experiments.runs.status import read_status
from experiments.store.client import Client, mlflow
from experiments.tracking.outbox import all_folders, unpublished
from experiments.tracking.publisher import Publisher
from experiments.tracking.targets import Target, shown_by, targets
from tests.runner.tracking.faults import Fault, FaultyClient, Killed, faulty_publisher
from tests.runner.tracking.folders import RunProcess, SweepProcess

RUNS, SWEEPS = ("1" * 12, "2" * 12), ("a" * 12, "b" * 12)
STATUS = {"running": "RUNNING", "completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
CALLS = ["create_run", "log_batch", "set_terminated", "update_run", "search_runs", "get_experiment_by_name"]
WHICH = st.integers(0, 3)
A = TypeVar("A")


def one(choices: Sequence[A], which: int) -> A:
    return choices[which % len(choices)]


class Machine(RuleBasedStateMachine):
    """Some runs and sweeps in one outputs folder, and two publishers that take turns.

    It remembers what each came to, and whom a person has deleted.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.place = root, 0
        for outputs in (root / "0", root / "1"):
            shutil.rmtree(outputs, ignore_errors=True)
        self.outputs.mkdir()
        self.alive: dict[str, RunProcess | SweepProcess] = {}
        self.outcomes: dict[str, str] = {}  # by name of the folder
        self.deleted: set[str] = set()  # keys
        self.version = 0
        self.at_work: tuple[Publisher, FaultyClient]
        self.at_rest: tuple[Publisher, FaultyClient]
        self._start_publishers()
        self.start(0, 0, 0, False)
        self.epoch(0, False, 2)

    @property
    def outputs(self) -> Path:
        return self.root / str(self.place)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.outputs}/mlflow.db"

    def _runs(self, *outcomes: str) -> list[str]:
        """Runs that no process is at, and that came to this."""
        return [name for name in RUNS if name not in self.alive and self.outcomes.get(name, "running") in outcomes]

    def _sweep(self, which: int) -> str:
        """A sweep under way, or none."""
        return one(["", *(name for name in self.alive if name in SWEEPS)], which)

    @precondition(lambda self: self._runs("running", "failed", "interrupted"))
    @rule(which=WHICH, sweep=WHICH, back=st.integers(0, 2), lost=st.sampled_from([False, False, True]))
    def start(self, which: int, sweep: int, back: int, lost: bool) -> None:
        """Start a run, or resume it from a checkpoint some epochs before the end of the history, which may be lost."""
        name = one(self._runs("running", "failed", "interrupted"), which)
        history = self.outputs / "runs" / name / "history.jsonl"
        if lost:
            history.unlink(missing_ok=True)
        process = RunProcess(self.outputs, name, self.uri, sweep=self._sweep(sweep))
        process.begin(max(0, len(History(history).rows()) - back))
        self.alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self._runs("completed", "failed", "interrupted"))
    @rule(which=WHICH, sweep=WHICH, again=st.booleans())
    def take(self, which: int, sweep: int, again: bool) -> None:
        """Force a run, or make a finished one a sweep's as well."""
        name = one(self._runs("completed", "failed", "interrupted"), which)
        process = RunProcess(self.outputs, name, self.uri, sweep=self._sweep(sweep))
        shown = shown_by(process.path, *process.target.place)
        if again and shown is not None and shown.state:  # else `execute` refuses
            process.force()
            self.alive[name], self.outcomes[name] = process, "running"
            return
        if self.outcomes[name] == "completed":
            process.show()
        process.kill()

    @precondition(lambda self: not self.alive.keys() >= set(SWEEPS))
    @rule(which=WHICH)
    def start_sweep(self, which: int) -> None:
        name = one([name for name in SWEEPS if name not in self.alive], which)
        process = SweepProcess(self.outputs, name, self.uri, "sweeps")
        process.begin(*RUNS)
        self.alive[name], self.outcomes[name] = process, "running"

    @precondition(lambda self: self.alive.keys() & set(RUNS))
    @rule(which=WHICH, differs=st.sampled_from([True, True, False]), times=st.integers(1, 2))
    def epoch(self, which: int, differs: bool, times: int) -> None:
        process = one([process for process in self.alive.values() if isinstance(process, RunProcess)], which)
        for _ in range(times):
            self.version += 1
            process.epoch(self.version if differs else None)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, outcome=st.sampled_from(["killed", "completed", "failed", "interrupted", "paused"]))
    def end(self, which: int, outcome: str) -> None:
        """Without a word, or saying why."""
        name = one(list(self.alive), which)
        process = self.alive.pop(name)
        if outcome == "killed" or not process.epochs:
            process.kill()
        elif outcome == "completed":
            process.finish()
        else:
            process.end(outcome)
        self.outcomes[name] = outcome if process.epochs and outcome in ("completed", "failed") else "interrupted"

    @precondition(lambda self: self.alive.keys() & set(RUNS))
    @rule(which=WHICH, back=st.integers(0, 2), differs=st.booleans())
    def crash(self, which: int, back: int, differs: bool) -> None:
        """A run is killed and resumed at once; it may come out differently."""
        name = one([name for name in self.alive if name in RUNS], which)
        self.end(list(self.alive).index(name), "killed")
        self.start(self._runs("running", "failed", "interrupted").index(name), 0, back, False)
        self.epoch([name for name in self.alive if name in RUNS].index(name), differs, 1)

    @rule(which=WHICH, what=st.sampled_from(["delete a run", "delete the database", "move", "switch", "restart"]))
    def interfere(self, which: int, what: str) -> None:
        if what == "delete a run":
            key = one([target.key for folder in all_folders(self.outputs) for target in targets(folder)], which)
            for run in self._shown():
                if run.data.tags["run.key"] == key:
                    self.client.delete_run(run.info.run_id)
                    self.deleted.add(key)
        elif what == "delete the database":
            self._delete_database()
        elif what == "move" and not self.alive:
            self._close_store()
            before, self.place = self.outputs, 1 - self.place
            shutil.rmtree(self.outputs, ignore_errors=True)
            before.rename(self.outputs)
            self._start_publishers()
        elif what == "switch":
            self.at_work[1].settle()
            self.at_work, self.at_rest = self.at_rest, self.at_work
        else:
            self._restart_publisher()

    def _delete_database(self) -> None:
        self._close_store()
        for path in self.outputs.glob("mlflow.db*"):
            path.unlink()
        self.deleted = set()

    def _close_store(self) -> None:
        if (self.outputs / "mlflow.db").exists():
            mlflow().MlflowClient(self.uri)._tracking_client.store.engine.dispose()

    def _start_publishers(self) -> None:
        self._close_store()
        self.at_rest = faulty_publisher(self.uri, self.outputs)
        self._restart_publisher()

    def _restart_publisher(self) -> None:
        self.at_work = faulty_publisher(self.uri, self.outputs)

    @rule(call=st.sampled_from(CALLS), fault=st.sampled_from([None, *Fault]))
    def publish(self, call: str, fault: Fault | None) -> None:
        """Where one call may go wrong; then again."""
        publisher, client = self.at_work
        if fault is not None:
            client.expect("create_run" if fault is Fault.LATE else call, fault)
        try:
            for _ in range(2):
                publisher.publish()
        except Killed:
            self._restart_publisher()

    @rule()
    def publish_and_compare(self) -> None:
        """Without a fault MLflow shows all that the folders say, each thing once."""
        for _, client in (self.at_work, self.at_rest):
            client.settle()
        done = self.at_work[0].publish(again=True)
        assert (done.unreachable, done.refused) == (None, {})
        assert {folder.name for folder in unpublished(self.outputs)} == self.alive.keys()
        current = {t.key: (folder, t) for folder in all_folders(self.outputs) for t in targets(folder) if t.current}
        shown = self._shown()
        for run in shown:
            steps = [row.step for row in self.client.get_metric_history(run.info.run_id, "train/loss")]
            assert steps == list(range(1, len(steps) + 1))
            if run.info.status == "RUNNING":
                assert current[run.data.tags["run.key"]][0].name in self.alive
        for key, (folder, target) in current.items():
            found = [run for run in shown if run.data.tags["run.key"] == key]
            assert bool(found) == (key not in self.deleted)
            if folder.name not in self.alive:
                assert len(found) <= 1  # of one under way there may be two, if it was created late
            if len(found) == 1:
                self._compare(found[0], folder, target)

    def _compare(self, run: Any, folder: Path, target: Target) -> None:
        outcome, tags, status = self.outcomes[folder.name], run.data.tags, read_status(folder)
        assert status is not None
        rows = History(folder / "history.jsonl").rows()
        assert run.info.status == STATUS[outcome]
        if folder.name not in self.alive:
            assert tags["outcome"] == outcome
            last_ms = max([status.started_ms, *(row.timestamp_ms for row in rows)])
            assert run.info.end_time == (status.ended_ms or last_ms)
        if folder.parent.name == "sweeps":
            assert (tags["sweep.id"], tags["sweep.size"]) == (folder.name, str(len(RUNS)))
            return
        assert tags["identity"] == folder.name
        assert run.data.params == {"seed": "0", "optimizer.lr": "0.1"}
        values = self.client.get_metric_history(run.info.run_id, "train/loss")
        assert [(m.step, m.value) for m in values] == [(row.epoch, row.metrics["train/loss"]) for row in rows]
        assert ("best/epoch" in run.data.metrics) == (outcome == "completed")
        assert ("mlflow.parentRunId" in tags) == bool(target.sweep)
        if target.sweep:
            (parent,) = targets(self.outputs / "sweeps" / target.sweep)
            found = [run for run in self._shown("ALL") if run.data.tags["run.key"] == parent.key]
            assert tags["mlflow.parentRunId"] in [run.info.run_id for run in found]

    @property
    def client(self) -> Client:
        client: Client = mlflow().MlflowClient(self.uri)
        return client

    def _shown(self, view: str = "ACTIVE_ONLY") -> list[Any]:
        if not (self.outputs / "mlflow.db").exists():
            return []
        experiment = self.client.get_experiment_by_name("cnn")
        which = getattr(mlflow().entities.ViewType, view)
        return list(self.client.search_runs([experiment.experiment_id], "", which)) if experiment is not None else []

    def teardown(self) -> None:
        try:
            while self.alive:
                self.end(0, "killed")
            self.publish_and_compare()
        finally:
            self._close_store()


@pytest.mark.parametrize(
    ("examples", "steps"), [(28, 18), pytest.param(500, 30, marks=pytest.mark.long)], ids=["quickly", "at length"]
)
@pytest.mark.usefixtures("no_pictures")
def test_store_converges_whatever_happens(
    examples: int, steps: int, ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.store.client._create_database", partial(shutil.copyfile, ready))  # seconds each
    kept = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Machine(tmp_path), settings=kept)  # type: ignore[arg-type]  # a class or so
