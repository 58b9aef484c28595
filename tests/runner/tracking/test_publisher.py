"""What a publisher shows of folders, and what it leaves in the outbox, against MLflow over SQLite."""

import fcntl
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from experiments.pictures.draw import draw
from experiments.store.client import Client
from experiments.store.store import Store
from experiments.tracking.outbox import all_folders, exclusive, is_held, put, take_out, unpublished
from experiments.tracking.publisher import Publisher
from experiments.tracking.targets import TARGETS, new_target, published, shown_by, targets
from tests.runner.tracking.faults import Fault, faulty_publisher
from tests.runner.tracking.folders import IDENTITY, RunProcess, run

pytestmark = pytest.mark.usefixtures("no_pictures")
OTHERS = ("1" * 12, "2" * 12)


def statuses(client: Client) -> list[str]:
    experiment = client.get_experiment_by_name("cnn")
    assert experiment is not None
    return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))


def test_run_needs_five_requests_and_none_when_it_is_shown_already(store_uri: str, outputs: Path) -> None:
    Store(store_uri).experiment_id("cnn", f"file://{outputs}/artifacts")
    run(outputs, store_uri, epochs=3).finish()
    for calls in (["get_experiment_by_name", "search_runs", "create_run", "log_batch", "set_terminated"], []):
        publisher, client = faulty_publisher(store_uri, outputs)
        assert publisher.publish().lines() == []
        assert client.calls == calls


def test_run_that_was_replaced_is_closed_by_who_saw_it_run(store_uri: str, outputs: Path, client: Client) -> None:
    publisher = Publisher(Store(store_uri), outputs)
    run(outputs, store_uri, epochs=2).kill()
    process = RunProcess(outputs, IDENTITY, store_uri)
    process.begin(after=1)
    publisher.publish()
    process.epoch(version=1)
    publisher.publish()
    assert statuses(client) == ["KILLED", "RUNNING"]
    process.kill()


def test_run_that_is_deleted_while_it_runs_stays_deleted(store_uri: str, outputs: Path, client: Client) -> None:
    publisher, process = Publisher(Store(store_uri), outputs), run(outputs, store_uri)
    publisher.publish()
    client.delete_run(published(process.path)[process.target.key].run_id)
    process.epoch()
    process.finish()
    assert publisher.publish().lines() == []
    assert (statuses(client), list(unpublished(outputs))) == ([], [])


def test_run_that_is_created_late_is_deleted(store_uri: str, outputs: Path, client: Client) -> None:
    publisher, faulty = faulty_publisher(store_uri, outputs)
    run(outputs, store_uri).finish()
    faulty.expect("create_run", Fault.LATE)
    assert "out of order" in str(publisher.publish().unreachable)
    assert publisher.publish().lines() == []
    (shown,) = client.search_runs(["1"])
    assert (shown.info.status, shown.data.metrics["train/loss"]) == ("FINISHED", 1.0)


def test_killed_runs_are_closed_and_said_to_be_once(store_uri: str, outputs: Path, client: Client) -> None:
    for name in OTHERS:
        run(outputs, store_uri, name=name).kill()
    said = "2 runs ended without closing, now KILLED in MLflow; the same command resumes"
    assert Publisher(Store(store_uri), outputs).publish().lines() == [said]
    assert Publisher(Store(store_uri), outputs).publish(all_folders(outputs)).lines() == []
    assert statuses(client) == ["KILLED", "KILLED"]


def test_files_that_are_refused_cost_a_line_and_no_status(store_uri: str, outputs: Path, client: Client) -> None:
    (outputs / "artifacts").touch()  # where files of all runs go
    run(outputs, store_uri).finish()
    store = Store(store_uri)
    store.experiment_id("other", f"file://{outputs}/elsewhere")
    other = RunProcess(outputs, OTHERS[0], store_uri)
    other.target = new_target(store_uri, "other", "n")
    other.begin()
    other.epoch()
    other.finish()
    (line,) = Publisher(Store(store_uri), outputs).publish().lines()
    assert line.startswith(f"run {IDENTITY}, config.yaml: ")
    assert statuses(client) == ["FINISHED"]
    assert list(unpublished(outputs)) == [outputs / "runs" / IDENTITY]
    (shown,) = store.search("", [store.experiments()["other"]])
    assert store.file(shown.run_id, "history.jsonl") == (other.path / "history.jsonl").read_bytes()

    (outputs / "artifacts").unlink()
    assert Publisher(Store(store_uri), outputs).publish().lines() == []
    assert list(unpublished(outputs)) == []
    (shown,) = store.search("", ["1"])
    assert store.file(shown.run_id, "config.yaml") is not None


def test_links_in_a_folder_are_not_uploaded(store_uri: str, outputs: Path) -> None:
    process = run(outputs, store_uri)
    (outputs / "secret").write_text("of this machine")
    (process.path / "train.log").symlink_to(outputs / "secret")
    process.finish()
    Publisher(Store(store_uri), outputs).publish()
    (shown,) = published(process.path).values()
    assert sorted(shown.files) == ["config.yaml", "history.jsonl"]


def test_folder_that_cannot_be_read_holds_up_no_other(
    store_uri: str, outputs: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OTHERS:
        run(outputs, store_uri, name=name).end("failed")
    history = outputs / "runs" / OTHERS[0] / "history.jsonl"
    history.unlink()
    history.mkdir()
    monkeypatch.setattr("experiments.tracking.publisher.draw", draw)
    (line,) = Publisher(Store(store_uri), outputs).publish().lines()
    assert line.startswith(f"{history}: it is no file")
    assert statuses(client) == ["FAILED"]
    assert list(unpublished(outputs)) == [outputs / "runs" / OTHERS[0]]


def test_picture_that_could_not_be_drawn_is_drawn_and_uploaded_later(
    store_uri: str, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = run(outputs, store_uri)
    process.finish()
    (process.path / "learning_curve.png").mkdir()  # in its place nothing can be written
    monkeypatch.setattr("experiments.tracking.publisher.draw", draw)
    (line,) = Publisher(Store(store_uri), outputs).publish().lines()
    assert "learning_curve.png" in line
    assert list(unpublished(outputs)) == [process.path]
    (process.path / "learning_curve.png").rmdir()
    assert Publisher(Store(store_uri), outputs).publish().lines() == []
    (shown,) = published(process.path).values()
    assert "learning_curve.png" in shown.files
    assert list(unpublished(outputs)) == []


def test_folder_of_another_store_or_removed_by_hand_is_left_alone(store_uri: str, outputs: Path) -> None:
    run(outputs, "http://user:secret@127.0.0.1:9", name=OTHERS[0]).finish()
    run(outputs, store_uri, name=OTHERS[1]).kill()
    shutil.rmtree(outputs / "runs" / OTHERS[1])
    publisher, client = faulty_publisher(store_uri, outputs)
    assert publisher.publish().lines() == []
    assert client.calls == []
    assert list(unpublished(outputs)) == [outputs / "runs" / OTHERS[0]]
    assert "secret" not in (outputs / "runs" / OTHERS[0] / TARGETS).read_text()


def test_database_that_is_deleted_while_it_is_open_is_made_again_with_all_that_was_in_it(
    store_uri: str, outputs: Path, ready: Path
) -> None:
    publisher, process = Publisher(Store(store_uri), outputs), run(outputs, store_uri)
    run(outputs, store_uri, name=OTHERS[0]).finish()
    publisher.publish()
    for path in outputs.glob("mlflow.db*"):
        path.unlink()
    shutil.copyfile(ready, outputs / "mlflow.db")
    process.epoch()
    publisher.publish()
    shown = Store(store_uri).search("")
    assert {(one.status, one.metrics["train/loss"]) for one in shown} == {("FINISHED", 1.0), ("RUNNING", 0.5)}
    process.kill()


def test_store_that_lost_all_while_it_was_open_is_filled_again(
    store_uri: str, outputs: Path, ready: Path, client: Client
) -> None:
    publisher, process = Publisher(Store(store_uri), outputs), run(outputs, store_uri)
    publisher.publish()
    with closing(sqlite3.connect(ready)) as empty, closing(sqlite3.connect(outputs / "mlflow.db")) as database:
        empty.backup(database)  # as behind a server, where nobody sees another file
    process.epoch()
    process.finish()
    assert publisher.publish().lines() == []
    (shown,) = client.search_runs(["1"])
    assert (shown.info.status, shown.data.metrics["train/loss"]) == ("FINISHED", 0.5)


def test_folder_that_another_publisher_is_at_waits_and_is_none_that_fails(
    store_uri: str, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = run(outputs, store_uri)
    process.finish()
    publisher = Publisher(Store(store_uri), outputs)
    monkeypatch.setattr("experiments.tracking.reconcile._PATIENCE", 0.01)
    with exclusive(process.path):
        for again in (False, True):
            done = publisher.publish(again=again)
            assert (done.lines(), [*done.refused]) == ([], [process.path])
    publisher.publish()
    assert list(unpublished(outputs)) == []


def test_run_that_died_before_its_configuration_was_there_gets_its_params_later(
    store_uri: str, outputs: Path, client: Client
) -> None:
    publisher, first = Publisher(Store(store_uri), outputs), RunProcess(outputs, IDENTITY, store_uri)
    first.show()
    first.kill()
    publisher.publish()
    assert statuses(client) == ["KILLED"]
    second = run(outputs, store_uri)
    publisher.publish()
    second.finish()
    publisher.publish()
    (shown,) = client.search_runs(["1"])
    assert (shown.info.status, shown.data.params) == ("FINISHED", {"seed": "0", "optimizer.lr": "0.1"})


# Targets and outbox


@pytest.mark.parametrize(
    "damage",
    [
        *({"key": "../x"}, {"key": "a' OR '1"}, {"key": 3}, {"sweep": "../.."}, {"current": "yes"}, {"uri": None}),
        {"more": 1},
    ],
)
def test_target_that_is_damaged_or_a_strangers_does_not_count(damage: dict[str, object], tmp_path: Path) -> None:
    whole = run(tmp_path, "http://localhost:5000")
    whole.kill()
    content = json.loads((whole.path / TARGETS).read_text())
    content["targets"] += [{**content["targets"][0], **damage}, 3, None]
    (whole.path / TARGETS).write_text(json.dumps(content))
    assert targets(whole.path) == [whole.target]
    for torn in ("", "[]", '{"targets": 3}', "{"):
        (whole.path / TARGETS).write_text(torn)
        assert targets(whole.path) == []


NOTE = {"run_id": "a", "experiment_id": "1"}


@pytest.mark.parametrize(
    "note", [3, {"run_id": "a"}, *(NOTE | damage for damage in ({"run_id": "../x"}, {"epochs": "3"}, {"files": 3}))]
)
def test_damaged_memory_of_what_is_shown_is_none(note: object, tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text(json.dumps({"key": note}))
    assert published(tmp_path) == {}


def test_target_in_the_outputs_folder_moves_with_it(store_uri: str, outputs: Path, tmp_path: Path) -> None:
    process = run(outputs, store_uri)
    process.finish()
    Publisher(Store(store_uri), outputs).publish()
    moved = outputs.rename(tmp_path / "moved")
    (target,) = targets(moved / "runs" / IDENTITY)
    assert (target.uri, target.key) == (f"sqlite:///{moved}/mlflow.db", process.target.key)
    assert shown_by(moved / "runs" / IDENTITY, *target.place) is not None


def test_two_who_look_at_a_folder_do_not_take_each_other_for_a_process(outputs: Path) -> None:
    folder = outputs / "runs" / IDENTITY
    folder.mkdir(parents=True)
    assert not is_held(folder)
    with FileLock(folder / "lock"):
        assert is_held(folder)
    with (folder / "lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not is_held(folder)


def test_mark_stays_while_a_process_is_at_the_folder(outputs: Path) -> None:
    folder = outputs / "runs" / IDENTITY
    folder.mkdir(parents=True)
    put(folder)
    with FileLock(folder / "lock"):  # it has started meanwhile, and may be about to write
        take_out(folder, lambda: pytest.fail("asked of what may change"))
    take_out(folder, lambda: False)
    assert list(unpublished(outputs)) == [folder]
    take_out(folder, lambda: True)
    assert list(unpublished(outputs)) == []
