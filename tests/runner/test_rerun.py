"""`python -m experiments.rerun RUN`: the same bits from the record alone, or the first that are not."""

import json
import logging
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest
import yaml
from filelock import FileLock

from cnn_core import parallel
from experiments import rerun
from experiments.config.schema import ALTERNATIVES, Config, JoblibConfig
from experiments.data.dataset import DataError
from experiments.reruns import course
from experiments.runs import attempt
from experiments.runs.execute import execute
from experiments.runs.folder import RunFolder
from experiments.runs.history import History
from experiments.runs.identity import identity
from experiments.store.store import Store
from experiments.sweeps.launchers import launch
from tests.runner.configs import adam, adamw, cnn_bn, lenet5, residual_net, rmsprop, sgd, shifts, small_config
from tests.runner.conftest import Answer
from tests.runner.stores import published, stored_runs

pytestmark = pytest.mark.usefixtures("unpublished")

Rerun = Callable[..., Answer]


@pytest.fixture
def run_again(outputs: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Rerun]:
    """`python -m experiments.rerun WORDS`, in this process; what it sets up for the process is undone."""
    logger = logging.getLogger("experiments")
    level = logger.level

    def command(*words: str) -> Answer:
        capsys.readouterr()
        code = rerun.main(["--outputs-dir", str(outputs), *words])
        return Answer(code, *capsys.readouterr())

    yield command
    logger.setLevel(level)


@pytest.fixture
def run(outputs: Path) -> RunFolder:
    """A finished run of two epochs."""
    return execute(small_config(outputs)).folder


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON object in a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_row(folder: RunFolder, epoch: int, change: Callable[[Any], None]) -> None:
    """Change an epoch of the recorded history, as if nothing had sealed it."""
    rows = [json.loads(line) for line in folder.history.read_text().splitlines()]
    del rows[epoch - 1]["sha256"]
    change(rows[epoch - 1])
    folder.history.write_text("".join(json.dumps(row) + "\n" for row in rows))


def edit_config(folder: RunFolder, change: Callable[[Any], None]) -> None:
    """Change the recorded configuration."""
    tree = yaml.safe_load(folder.config.read_text())
    change(tree)
    folder.config.write_text(yaml.safe_dump(tree, sort_keys=False))


def verdict(outputs: Path, number: int = 1) -> dict[str, Any]:
    """What the only rerun with this number says of itself."""
    (path,) = (outputs / "reruns").glob(f"*-{number}/rerun.json")
    content = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


# The same bits

LARGE: dict[str, Any] = {"data__height": 28, "data__width": 28}
SETTINGS: dict[str, dict[str, Any]] = {
    "simple_cnn sgd": {"optimizer": sgd(nesterov=True)},
    "lenet5": {"model": lenet5(), **LARGE},
    "cnn_bn augmented": {"model": cnn_bn(), "augmentation": shifts()},
    "residual_net": {"model": residual_net()},
    "rmsprop": {"optimizer": rmsprop()},
    "adam validation": {"optimizer": adam(clip_norm=1.0), "data__validation_fraction": 0.25},
    "adamw double": {"optimizer": adamw(), "trainer__dtype": "float64"},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_network_and_optimizer_is_identical_on_any_number_of_threads(
    setting: str, threads: int, outputs: Path, run_again: Rerun, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = shared_blocks(monkeypatch)
    config = small_config(outputs, trainer__threads=threads, **SETTINGS[setting])
    execute(config)
    assert bool(others) == (threads > 1)
    monkeypatch.setattr(course, "execute", _on_other_threads(3 - threads))
    answer = run_again(identity(config)[:6])
    assert others
    assert answer.code == 0, answer
    assert "identical: 2 epochs, every metric and the weights after each, to the last bit" in answer.out.splitlines()


@pytest.mark.parametrize("group", ["model", "optimizer"])
def test_every_network_and_optimizer_is_among_the_settings(group: str, outputs: Path) -> None:
    configs = [small_config(outputs, **setting) for setting in SETTINGS.values()]
    assert {getattr(config, group).name for config in configs} == set(ALTERNATIVES[group])


def shared_blocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has work of any size cut into blocks, and another thread take its share; gets the name of that for each block.

    Else these networks have nothing that is worth a second thread, and the first is done before that is awake.
    """
    monkeypatch.setattr(parallel, "_WORTH_BYTES", 1)
    monkeypatch.setattr(parallel, "_WORTH_WORK", 1)
    others, run = list[str](), parallel._Crew.run

    def shared(crew: Any, function: Callable[[Any], object], blocks: Sequence[Any]) -> None:
        caller, begun = current_thread(), Event()

        def watched(block: Any) -> None:
            if current_thread() is caller:
                assert begun.wait(60), "no other thread takes a block"
            else:
                others.append(current_thread().name)
                begun.set()
            function(block)

        run(crew, watched, blocks)

    monkeypatch.setattr(parallel._Crew, "run", shared)
    return others


def _on_other_threads(count: int) -> Callable[..., Any]:
    def executed(config: Config, **others: Any) -> Any:
        config.trainer.threads = count
        return execute(config, **others)

    return executed


def _executed(config: Config) -> tuple[str, bool]:
    """Carry a run out in another process; return its identity, and whether another thread had a share in it."""
    with pytest.MonkeyPatch.context() as patch:
        others = shared_blocks(patch)
        return execute(config).folder.identity, bool(others)


@pytest.mark.long
@pytest.mark.parametrize("threads", [1, 2])
def test_runs_made_by_other_processes_are_identical(
    threads: int, outputs: Path, run_again: Rerun, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = shared_blocks(monkeypatch)  # here as there: how work is cut decides the bits
    monkeypatch.setattr(course, "execute", _on_other_threads(3 - threads))
    made_by, changes = JoblibConfig("joblib", n_jobs=2), {"trainer__threads": threads}
    configs = [small_config(outputs, launcher=made_by, **changes, **setting) for setting in SETTINGS.values()]
    made = [result for _, result in launch(made_by, _executed, configs)]
    assert sorted(map(str, made)) == sorted(str((identity(config), threads > 1)) for config in configs)
    for config in configs:
        answer = run_again(identity(config))
        assert answer.code == 0, answer
        assert "identical: 2 epochs" in answer.out
    assert bool(others) == (threads == 1)


def test_run_that_diverged_diverges_again(outputs: Path, run_again: Rerun) -> None:
    config = small_config(outputs, optimizer__lr=1e30, trainer__epochs=9)
    assert execute(config).outcome == "diverged"
    answer = run_again(identity(config))
    assert answer.code == 0, answer
    assert "identical: " in answer.out


def test_run_that_stopped_early_stops_again(outputs: Path, run_again: Rerun) -> None:
    changes = {"trainer__patience": 1, "trainer__min_improvement": 9.0, "data__validation_fraction": 0.25}
    config = small_config(outputs, trainer__epochs=5, **changes)
    assert execute(config).stopped_early
    answer = run_again(identity(config))
    assert "identical: 2 epochs" in answer.out


def test_interrupted_run_is_run_as_far_as_it_is_known(outputs: Path, run_again: Rerun) -> None:
    config = small_config(outputs, trainer__epochs=4)
    execute(config, pause_after=3)
    for number in (1, 2):
        answer = run_again(identity(config))
        assert answer.code == 0, answer
        assert "rerun of " + identity(config) + ": 3 epochs, interrupted" in answer.out
        assert "identical: 3 epochs" in answer.out
        assert "of then is not known" not in answer.out
        log = RunFolder(outputs, identity(config), number).log.read_text()
        assert log.count(" INFO epoch ") == 3


def test_rerun_can_be_run_again(run: RunFolder, run_again: Rerun) -> None:
    run_again(run.identity)
    answer = run_again(f"{run.identity}-1")
    assert answer.code == 0
    assert f"rerun of {run.identity}-1: 2 epochs" in answer.out
    assert f"reruns/{run.identity}-2" in answer.out


# Where it is


def test_original_stays_as_it_is(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    run_again(run.identity)
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before
    assert [path.name for path in (outputs / "runs").iterdir()] == [run.identity]


def test_rerun_says_of_what_and_what_came_of_it(
    run: RunFolder, run_again: Rerun, outputs: Path, publishing_here: str
) -> None:
    published(publishing_here, outputs)
    answer = run_again(run.identity)
    runs = stored_runs(publishing_here)
    of, again = runs["synthetic lr=0.1 batch_size=10"], runs[f"rerun of {run.identity}"]
    assert again.tags["rerun.of"] == of.run_id
    assert again.tags["rerun.result"] == "identical"
    assert again.status == "FINISHED"
    assert again.metrics["test/accuracy"] == of.metrics["test/accuracy"]
    files = {file.path for file in Store(publishing_here).client.list_artifacts(again.run_id)}
    assert {"rerun.json", "source.json", "config.yaml"} <= files
    assert verdict(outputs)["of"] == of.run_id
    assert verdict(outputs)["result"] == "identical"
    folder = outputs / "reruns" / f"{run.identity}-1"
    assert answer.out.splitlines()[-1] == f"rerun {folder} (MLflow run {again.run_id})"


def test_each_rerun_has_a_number_of_its_own(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    for _ in range(3):
        run_again(run.identity)
    names = sorted(path.name for path in (outputs / "reruns").iterdir())
    assert names == [f"{run.identity}-{number}" for number in (1, 2, 3)]
    assert {verdict(outputs, number)["result"] for number in (1, 2, 3)} == {"identical"}


def test_rerun_that_was_stopped_is_gone_on_with(
    run: RunFolder, run_again: Rerun, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(batches: Iterable[Any], *, label: str, **_: Any) -> Iterator[Any]:
        if label.startswith("epoch 2/"):
            raise KeyboardInterrupt
        yield from batches

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "progress", stopped)
        assert run_again(run.identity).code == 130
    answer = run_again(run.identity)
    assert "identical: 2 epochs" in answer.out
    assert [path.name for path in (outputs / "reruns").iterdir()] == [f"{run.identity}-1"]
    assert RunFolder(outputs, run.identity, 1).log.read_text().count(" INFO epoch ") == 2


def test_rerun_of_an_interrupted_run_that_was_stopped_before_its_verdict_gets_one(
    outputs: Path, run_again: Rerun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    config = small_config(outputs, trainer__epochs=4)
    execute(config, pause_after=3)
    with monkeypatch.context() as patch:
        patch.setattr(course, "judge", stopped)
        assert run_again(identity(config)).code == 130
    assert "identical: 3 epochs" in run_again(identity(config)).out
    assert verdict(outputs)["result"] == "identical"


def test_rerun_that_another_process_is_at_is_left_alone(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    course._number(small_config(outputs), run.identity)
    other = RunFolder(outputs, run.identity, 1)
    with FileLock(other.lock):
        assert "identical: 2 epochs" in run_again(run.identity).out
    assert not other.history.exists()
    assert verdict(outputs, 2)["result"] == "identical"


def test_rerun_that_another_process_has_finished_is_none_of_this_one(
    run: RunFolder, run_again: Rerun, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = course._number

    def number(config: Config, of: str) -> int:
        monkeypatch.setattr(course, "_number", free)
        found = free(config, of)
        shutil.copytree(run.path, RunFolder(outputs, run.identity, found).path, dirs_exist_ok=True)
        return found

    monkeypatch.setattr(course, "_number", number)
    assert "identical: 2 epochs" in run_again(run.identity).out
    assert verdict(outputs) == {"of": run.identity}
    assert RunFolder(outputs, run.identity, 2).log.read_text().count(" INFO epoch ") == 2


@pytest.mark.parametrize("what", ["environment", "finished", "history", "checkpoint"])
def test_rerun_that_was_not_computed_as_now_is_not_gone_on_with(
    what: str, run: RunFolder, run_again: Rerun, outputs: Path
) -> None:
    course._number(small_config(outputs), run.identity)
    other = RunFolder(outputs, run.identity, 1)
    if what == "checkpoint":
        other.checkpoint.touch()
    else:
        shutil.copy(getattr(run, what), other.path)
    if what == "environment":
        edit(other.environment, lambda content: content.update(numpy="1.0"))
    assert "identical: 2 epochs" in run_again(run.identity).out
    assert verdict(outputs) == {"of": run.identity}
    assert verdict(outputs, 2)["result"] == "identical"


# Not the same bits


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("key", ["train/loss", "train/lr", "train/accuracy", "test/loss", "test/accuracy"])
def test_one_bit_of_the_history_is_found(epoch: int, key: str, run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    values: list[float] = []

    def flip(row: Any) -> None:
        values.append(row["metrics"][key])
        row["metrics"][key] = math.nextafter(values[0], 9)

    edit_row(run, epoch, flip)
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "identical" not in answer.out
    lines = answer.out.splitlines()
    first = lines.index(f"different from epoch {epoch} on: {key}")
    assert lines[first + 1].split() == ["then", repr(math.nextafter(values[0], 9))]
    assert lines[first + 2].split() == ["now", repr(values[0])]
    assert verdict(outputs)["first"]["key"] == key
    assert verdict(outputs)["result"] == "different"


def test_one_digit_of_a_digest_is_found(run: RunFolder, run_again: Rerun) -> None:
    edit_row(run, 1, lambda row: row.update(weights_sha256="0" * 64))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "different from epoch 1 on: weights.sha256" in answer.out


def test_other_final_weights_are_found(run: RunFolder, run_again: Rerun) -> None:
    edit(run.finished, lambda marker: marker.update({"weights.sha256": "0" * 64}))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "different: weights.sha256" in answer.out


def test_epoch_too_many_is_found(run: RunFolder, run_again: Rerun) -> None:
    history = History(run.history)
    history.append(replace(history.rows()[-1], epoch=3))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "different: number of epochs" in answer.out


def test_tolerance_takes_what_is_near(run: RunFolder, run_again: Rerun) -> None:
    def near(row: Any) -> None:
        row["metrics"]["test/loss"] *= 1 + 1e-7
        row["weights_sha256"] = "0" * 64

    edit_row(run, 2, near)
    answer = run_again(run.identity, "--tolerance", "1e-6")
    assert answer.code == 0
    assert "equal within 1e-06: 2 epochs, every metric; largest difference" in answer.out
    assert "identical" not in answer.out
    assert run_again(run.identity, "--tolerance", "1e-8").code == 1
    assert "identical" not in answer.out


def test_same_bits_are_identical_with_a_tolerance_too(run: RunFolder, run_again: Rerun) -> None:
    assert "identical: " in run_again(run.identity, "--tolerance", "1e-6").out


@pytest.mark.parametrize("tolerance", ["0", "-1", "nan", "inf", "x"])
def test_impossible_tolerance_is_refused(tolerance: str, run_again: Rerun, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run_again("3f9a", f"--tolerance={tolerance}")
    assert end.value.code == 2
    assert f"argument --tolerance: {tolerance}: must be a finite number above 0" in capsys.readouterr().err


# What differs from then


def test_run_of_an_earlier_version_is_run_with_todays_code(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    edit(run.environment, lambda content: content.update({"code.sha256": "0" * 64, "numpy": "1.0"}))
    run.source.unlink()
    run.patch.unlink(missing_ok=True)
    edit_config(run, lambda tree: tree["trainer"].pop("min_improvement"))
    run.path.rename(outputs / "runs" / "0123456789ab")  # with another code, it has another identity
    answer = run_again("0123456789ab")
    assert answer.code == 0, answer
    lines = [line.strip() for line in answer.out.splitlines()]
    assert any(line.startswith("code         differs, 000000000000 then, ") for line in lines)
    assert "trainer.min_improvement  0.0" in lines
    assert any(line.startswith("numpy  1.0 → ") for line in lines)
    assert f"rerun {outputs / 'reruns' / f'{run.identity}-1'}" in answer.out


def test_other_data_are_refused_before_anything_is_run(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    edit(run.finished, lambda marker: marker.update({"data.sha256": "0" * 64}))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert answer.err.startswith("the data are not those of then: data.sha256 is ")
    assert "recorded is 000000000000" in answer.err
    assert not (outputs / "reruns").exists()


def test_data_that_cannot_be_had_end_it_in_a_line(
    run: RunFolder, run_again: Rerun, monkeypatch: pytest.MonkeyPatch, outputs: Path
) -> None:
    def missing(*_: object) -> None:
        raise DataError("the files are missing")

    monkeypatch.setattr(course, "build_dataset", missing)
    answer = run_again(run.identity)
    assert (answer.code, answer.err) == (1, "the files are missing\n")
    assert not (outputs / "reruns").exists()


def test_recorded_folder_is_used_where_it_has_the_data(tmp_path: Path, outputs: Path) -> None:
    data = small_config(tmp_path).data
    data.name, data.root = "mnist", str(tmp_path / "then")
    assert course.data_root(data, outputs) == str(outputs / "data")
    data.root = "~nobody-of-this-name/data"
    assert course.data_root(data, outputs) == str(outputs / "data")
    data.root = str(tmp_path / "then")
    (tmp_path / "then").mkdir()
    assert course.data_root(data, outputs) == str(outputs / "data")
    (tmp_path / "then" / "train-images-idx3-ubyte").touch()
    assert course.data_root(data, outputs) == str(tmp_path / "then")


# Records of strangers


@pytest.mark.parametrize(
    "content",
    [
        "model: {_target_: os.system}\n",
        "_target_: os.system\n",
        "seed: ${oc.env:HOME}\n",
        "a: " + "[" * 5000,
        "a: &a [1]\nb: [*a]\n",
        "!!python/object/apply:os.system ['true']",
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_hostile_configuration_is_refused_and_nothing_runs(
    content: str, whole: bool, run: RunFolder, run_again: Rerun, outputs: Path
) -> None:
    run.config.write_text(content if whole else run.config.read_text() + content)
    answer = run_again(run.identity)
    assert answer.code == 1
    assert str(run.config.parent) in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (outputs / "reruns").exists()


def test_target_beside_proper_keys_is_refused(run: RunFolder, run_again: Rerun, outputs: Path) -> None:
    edit_config(run, lambda tree: tree["optimizer"].update({"_target_": "os.system"}))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "optimizer._target_: there is no such key in this version; --at-commit" in answer.err
    assert not (outputs / "reruns").exists()


def test_run_without_an_epoch_is_refused(run: RunFolder, run_again: Rerun) -> None:
    run.history.unlink()
    run.finished.unlink()
    answer = run_again(run.identity)
    assert answer.code == 1
    assert "no epoch is recorded, so there is nothing to compare a rerun with" in answer.err


@pytest.mark.parametrize("damage", [lambda text: "x" + text, lambda text: text[:20]])
def test_history_whose_first_line_is_damaged_is_named(
    damage: Callable[[str], str], run: RunFolder, run_again: Rerun
) -> None:
    run.history.write_text(damage(run.history.read_text()))
    answer = run_again(run.identity)
    assert answer.code == 1
    assert answer.err.startswith(f"{run.history}: is damaged, its first line is no epoch's; the run's own command ")
    assert len(answer.err.splitlines()) == 1


def test_environment_that_is_damaged_is_not_known_and_no_obstacle(run: RunFolder, run_again: Rerun) -> None:
    run.environment.write_text("{")
    answer = run_again(run.identity)
    assert answer.code == 0, answer
    assert ["environment", "of", "then", "is", "not", "known"] in [line.split() for line in answer.out.splitlines()]


@pytest.mark.parametrize("content", ["", "{", "\0" * 9, None], ids=repr)
@pytest.mark.parametrize("name", ["config.yaml", "finished.json", "history.jsonl"])
def test_damaged_file_is_mended_by_the_runs_own_command(
    name: str, content: str | None, outputs: Path, run: RunFolder, run_again: Rerun
) -> None:
    if content is None:
        (run.path / name).unlink()
    else:
        (run.path / name).write_text(content)
    execute(small_config(outputs))
    answer = run_again(run.identity)
    assert answer.code == 0, answer
    assert "changed since it finished" not in answer.out


def test_unknown_run_is_refused(run_again: Rerun) -> None:
    answer = run_again("3f9a")
    assert answer.code == 1
    assert answer.err.startswith("there is no run beginning with '3f9a' in ")
