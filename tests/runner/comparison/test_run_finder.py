"""Runs found by a word and read from their folder or from a store: the same record either way."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.comparison.run_finder import find_records, refuse_single_run
from experiments.comparison.run_record import RunRecord
from experiments.config.leaves import leaves
from experiments.errors import UserError
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.identity import identity
from experiments.store.store import Store
from experiments.sweeps.folder import SweepFolder
from experiments.tracking.targets import run_ids
from tests.runner.configs import small_config
from tests.runner.shown import show
from tests.runner.stores import published

MISSING = Store("sqlite:////proc/nowhere/mlflow.db")


def made(outputs: Path, name: str, **files: str) -> RunFolder:
    """A folder written by hand."""
    identity, _, rerun = name.partition("-")
    folder = RunFolder(outputs, identity, int(rerun) if rerun else None)
    folder.path.mkdir(parents=True)
    contents = {"config": "seed: 0\noptimizer:\n  lr: 0.1\n", "environment": '{"blas": {"threads": 1}}'} | files
    for file, content in contents.items():
        getattr(folder, file).write_text(content)
    return folder


def row(epoch: int, metrics: object = None) -> str:
    metrics = {"train/loss": 1 / epoch} if metrics is None else metrics
    return json.dumps({"epoch": epoch, "metrics": metrics, "timestamp_ms": 0, "weights_sha256": f"{epoch:064x}"}) + "\n"


def find(outputs: Path, *words: str, store: Store = MISSING) -> list[RunRecord]:
    return find_records(outputs, store, words)


def test_finished_run_is_read_from_its_folder(outputs: Path) -> None:
    marker = {"outcome": "diverged", "final": {"train/loss": 0.5}, "weights.sha256": "ab", "model.parameters": 7}
    made(outputs, "0123456789ab", history=row(1) + row(2), finished=json.dumps(marker))
    (record,) = find(outputs, "0123456789ab")
    assert record.config == {"seed": "0", "optimizer.lr": "0.1"}
    assert record.environment == {"blas.threads": "1"}
    assert record.facts == {"outcome": "diverged", "weights.sha256": "ab", "model.parameters": "7"}
    assert record.metrics == {"train/loss": 0.5}
    assert record.history == [{"train/loss": 1.0}, {"train/loss": 0.5}]
    assert record.weights == [f"{1:064x}", f"{2:064x}"]


@pytest.mark.parametrize(
    ("files", "outcome"),
    [({}, "unfinished"), ({"history": row(1)}, "interrupted"), ({"history": row(1), "failure": "Traceback"}, "failed")],
)
def test_run_that_has_not_come_to_its_end_is_read_as_far_as_it_is(
    files: dict[str, str], outcome: str, outputs: Path
) -> None:
    made(outputs, "0123456789ab", **files)
    (record,) = find(outputs, "0")
    assert record.facts["outcome"] == outcome
    assert record.metrics == ({"train/loss": 1.0} if "history" in files else {})


def test_environment_may_be_missing(outputs: Path) -> None:
    made(outputs, "0123456789ab").environment.unlink()
    assert find(outputs, "01")[0].environment is None


def test_run_is_found_by_identity_by_mlflow_id_and_by_their_beginnings(outputs: Path) -> None:
    shown = made(outputs, "0123456789ab").path
    show(shown, "f" * 32)
    show(shown, "e" * 32, sweep="5eeb")
    for name in ("targets.json", "published.json"):
        (made(outputs, f"{len(name)}123456789ab").path / name).write_text("damaged")
    for word in ("0123456789ab", "f" * 32, "e" * 32, "f", "ee", "0"):
        (record,) = find(outputs, word)
        assert record.identity == "0123456789ab"


def test_rerun_is_meant_by_its_folder_or_its_mlflow_id_alone(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    show(made(outputs, "0123456789ab-1", environment='{"numpy": "2"}').path, "f" * 32)
    for word in ("0123456789ab", "01"):
        assert find(outputs, word)[0].identity == "0123456789ab"
    for word in ("0123456789ab-1", "f" * 32, "ff"):
        assert find(outputs, word)[0].environment == {"numpy": "2"}
        assert find(outputs, word)[0].identity == "0123456789ab-1"
    with pytest.raises(UserError, match=r"^there is no run beginning with '0123456789ab-2'"):
        find(outputs, "0123456789ab-2")


def test_run_and_its_rerun_can_be_compared(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    made(outputs, "0123456789ab-1")
    assert len(find(outputs, "01", "0123456789ab-1")) == 2


def test_whole_name_counts_though_another_begins_with_it(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    show(made(outputs, "111111111111").path, "0123456789ab" + "0" * 20)
    assert find(outputs, "0123456789ab")[0].identity == "0123456789ab"


def test_several_that_begin_so_are_listed_in_a_line(outputs: Path) -> None:
    for number in range(12):
        made(outputs, f"01234567890{number:x}")
    with pytest.raises(UserError) as caught:
        find(outputs, "0123")
    listed = ", ".join(f"01234567890{number:x}" for number in range(10))
    assert str(caught.value) == f"several runs begin with '0123': {listed} and 2 more; give more digits"


def test_several_are_listed_with_what_begins_so(outputs: Path) -> None:
    for name, shown in {
        "0123456789ab": ["e" * 32, "40" * 16],
        "4123456789ab": ["4" * 32],
        "0123456789ab-1": ["41" * 16],
    }.items():
        folder = made(outputs, name).path
        for run_id in shown:
            show(folder, run_id)
    with pytest.raises(UserError) as caught:
        find(outputs, "4")
    listed = f"0123456789ab (MLflow run {'40' * 16}), 0123456789ab-1 (MLflow run {'41' * 16}), 4123456789ab"
    assert str(caught.value) == f"several runs begin with '4': {listed}; give more digits"


@pytest.mark.parametrize("word", ["5eeb", "5eeb00000000", "e" * 32, "ee"])
def test_sweep_in_the_place_of_a_run_is_said_to_be_one(word: str, outputs: Path) -> None:
    sweep = SweepFolder(outputs, "5eeb00000000")
    sweep.write_plan([])
    show(sweep.path, "e" * 32)
    with pytest.raises(UserError, match=r", but a sweep: 5eeb00000000; name one of its runs$"):
        find(outputs, word)


@pytest.mark.parametrize(
    "word", ["3", "%", "' OR 1=1", "../0123456789ab", "0123456789ab-1", "0123456789ab-", "-1", "Z" * 40, "0" * 33]
)
def test_unknown_run_is_answered_in_a_line(word: str, outputs: Path) -> None:
    made(outputs, "0123456789ab")
    with pytest.raises(UserError, match=r"^there is no run beginning with "):
        find(outputs, word)


def test_same_run_twice_is_refused(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    with pytest.raises(UserError, match=r"^'01' and '0123456789ab' are the same run, 0123456789ab; name two"):
        find(outputs, "01", "0123456789ab")


def test_run_in_the_place_of_a_sweep_is_answered_with_what_can_be_done(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    with pytest.raises(UserError, match=r"^'01' is a run, 0123456789ab, and no sweep; name a second run"):
        refuse_single_run(outputs, "01")
    refuse_single_run(outputs, "5eeb")


BOMB = "a: &a [1,2]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)},' * 9}]\n" for n in range(12))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config", ""),
        ("config", "- a\n- b"),
        ("config", "a: [1,"),
        ("config", "[" * 1000),
        ("config", "a: 2026-13-99"),
        ("config", "a: !!python/object/apply:os.system ['touch /tmp/owned']"),
        pytest.param("config", BOMB, id="config-bomb"),
        ("finished", '{"outcome": "comp'),
        ("finished", '{"outcome": "completed"}'),
        ("finished", '{"final": {"train/loss": "x"}}'),
    ],
)
def test_damaged_file_is_named_in_a_line(file: str, content: str, outputs: Path) -> None:
    folder = made(outputs, "0123456789ab", **{file: content})
    with pytest.raises(UserError) as caught:
        find(outputs, "0123456789ab")
    message = str(caught.value)
    assert message.startswith(str(getattr(folder, file)))
    assert ": is damaged, " in message
    assert message.endswith(
        "; the run's own command (python -m experiments.train …) goes through it again and mends it"
    )
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 200_000])
def test_environment_that_is_damaged_is_not_known(content: str, outputs: Path) -> None:
    made(outputs, "0123456789ab", environment=content)
    assert find(outputs, "01")[0].environment is None


def test_folder_that_cannot_be_read_is_in_nobodys_way(outputs: Path) -> None:
    made(outputs, "0123456789ab")
    for other in (made(outputs, "1123456789ab"), made(outputs, "0123456789ab-1")):
        loop = other.path / "published.json"
        loop.symlink_to(loop)  # which leads nowhere, also for those who may read everything
    assert find(outputs, "01")[0].identity == "0123456789ab"


def test_missing_configuration_is_named_in_a_line(outputs: Path) -> None:
    folder = made(outputs, "0123456789ab")
    folder.config.unlink()
    with pytest.raises(UserError, match=f"^{folder.config}: is damaged, it is missing; "):
        find(outputs, "0123456789ab")


# Runs that only a store knows

Stored = Callable[..., str]


@pytest.fixture
def stored(store_uri: str, outputs: Path) -> Stored:
    """Puts a run into the store, and returns its id."""
    store = Store(store_uri)
    experiment_id = store.experiment_id("cnn", f"file://{outputs}/artifacts")

    def put(identity: str, status: str = "FINISHED", begun_ms: int = 1000, loss: float = 0.5, of: str = "") -> str:
        tags = {"identity": identity, "outcome": "completed"} | ({"rerun.of": of} if of else {})
        run_id = store.create(experiment_id, "n", tags, begun_ms).run_id
        store.log(run_id, {}, {}, [("train/loss", loss, 1, 1)])
        store.set_status(run_id, status, begun_ms + 1)
        return run_id

    return put


def test_store_gives_the_record_that_the_folder_gives(store_uri: str, outputs: Path) -> None:
    config = small_config(outputs, optimizer__lr=1e-5)
    folder = execute(config).folder
    published(store_uri, outputs)
    (run_id,) = run_ids(folder.path)
    store = Store(store_uri)
    (local,) = find(outputs, run_id, store=store)
    shutil.rmtree(outputs / "runs")
    (remote,) = find(outputs, run_id[:9], store=store)
    assert (local.run_id, remote.run_id) == (None, run_id)
    assert local.identity == identity(config)
    assert local.weights
    assert replace(remote, run_id=None) == local
    assert local.config["optimizer.lr"] == "1e-05"
    assert set(local.config) == set(leaves(json.loads(json.dumps(config, default=vars))))


def test_folder_counts_before_the_store(outputs: Path, store_uri: str, stored: Stored) -> None:
    run_id = stored("0123456789ab")
    made(outputs, "0123456789ab")
    store = Store(store_uri)
    by_identity, by_id = find(outputs, "0123", run_id, store=store)
    assert by_identity.run_id is None
    assert by_id.run_id == run_id  # nothing says that the folder's run is the one that the store shows


def test_of_an_identity_that_is_shown_several_times_the_latest_finished_is_meant(
    outputs: Path, store_uri: str, stored: Stored
) -> None:
    stored("0123456789ab", "FINISHED", 1000)
    later = stored("0123456789ab", "FINISHED", 2000)
    killed = stored("0123456789ab", "KILLED", 3000)
    assert find(outputs, "0123", store=Store(store_uri))[0].run_id == later
    assert find(outputs, killed, store=Store(store_uri))[0].run_id == killed


def test_rerun_in_the_store_is_not_taken_for_what_it_repeats(outputs: Path, store_uri: str, stored: Stored) -> None:
    first = stored("0123456789ab", "KILLED", 1000)
    again = stored("0123456789ab", "FINISHED", 2000, of=first)
    assert find(outputs, "0123", store=Store(store_uri))[0].run_id == first
    assert find(outputs, again, store=Store(store_uri))[0].run_id == again


def test_history_that_is_behind_its_metrics_does_not_count(
    outputs: Path, store_uri: str, stored: Stored, tmp_path: Path
) -> None:
    run_id = stored("0123456789ab", loss=0.5)
    store = Store(store_uri)
    (tmp_path / "history.jsonl").write_text("torn")
    store.client.log_artifact(run_id, str(tmp_path / "history.jsonl"))
    (record,) = find(outputs, run_id, store=store)
    assert (list(record.history), list(record.weights)) == ([{"train/loss": 0.5}], [])
    (tmp_path / "history.jsonl").write_text(row(1, {"train/loss": 0.25}))
    store.client.log_artifact(run_id, str(tmp_path / "history.jsonl"))
    (record,) = find(outputs, run_id, store=store)
    assert (list(record.history), list(record.weights)) == ([{"train/loss": 0.25}], [f"{1:064x}"])


def test_several_in_the_store_are_listed(outputs: Path, store_uri: str, stored: Stored) -> None:
    stored("0123456789ab")
    stored("0133456789ab")
    with pytest.raises(UserError, match=r"^several runs begin with '01': 0123456789ab, 0133456789ab; give more digits"):
        find(outputs, "01", store=Store(store_uri))


def test_environment_of_a_stored_run_may_be_missing(outputs: Path, store_uri: str, stored: Stored) -> None:
    run_id = stored("0123456789ab")
    assert find(outputs, run_id, store=Store(store_uri))[0].environment is None


def test_sweep_that_only_the_store_knows_is_said_to_be_one(outputs: Path, store_uri: str) -> None:
    store = Store(store_uri)
    experiment_id, tags = store.experiment_id("cnn", None), {"sweep.id": "5eeb00000000"}
    run_id = store.create(experiment_id, "n", {**tags, "sweep.size": "1"}, 1000).run_id
    store.create(experiment_id, "n", {**tags, "identity": "0123456789ab"}, 1000)
    for word in ("5eeb", run_id):
        with pytest.raises(UserError, match=r", but a sweep: 5eeb00000000; name one of its runs$"):
            find(outputs, word, store=store)
