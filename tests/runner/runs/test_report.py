"""What a run says at its end."""

from pathlib import Path

import pytest

from experiments.config.places import checkout
from experiments.config.schema import Config
from experiments.runs.execute import RunResult
from experiments.runs.folder import RunFolder
from experiments.runs.report import closing_lines, open_command
from experiments.tracking.targets import Published, add_target, new_target, write_published
from tests.runner.configs import small_config

FINAL = {"test/accuracy": 0.96875, "best/test_accuracy": 0.96875, "best/epoch": 3.0}


def lines(config: Config, final: dict[str, float], stopped: str | None = None) -> list[str]:
    folder = RunFolder(Path(config.outputs_dir), "0123456789ab")
    return closing_lines(config, RunResult(folder, "completed", final, stopped)).splitlines()


def test_accuracy_folder_and_next_step(tmp_path: Path) -> None:
    assert lines(small_config(tmp_path), FINAL) == [
        "test accuracy 96.88%",
        f"run   {tmp_path}/runs/0123456789ab",
        f"open  python -m experiments.ui --outputs-dir {tmp_path}",
    ]


def test_mlflow_run_that_shows_it_is_named(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    folder = RunFolder(tmp_path, "0123456789ab").path
    folder.mkdir(parents=True)
    target = new_target(config.tracking.uri, config.tracking.experiment, "name")
    add_target(folder, target)
    write_published(folder, target.key, Published("abc", "1"))
    assert lines(config, FINAL)[1] == f"run   {folder} (MLflow run abc)"


def test_better_epoch_before_the_last_is_named(tmp_path: Path) -> None:
    first, *_ = lines(small_config(tmp_path), {**FINAL, "best/test_accuracy": 0.98})
    assert first == "test accuracy 96.88% (best 98.00%, epoch 3)"


def test_run_that_stopped_early_says_after_which_epoch_and_why(tmp_path: Path) -> None:
    assert lines(small_config(tmp_path), FINAL, "after epoch 3 of 9: it waited")[:2] == [
        "test accuracy 96.88%",
        "stopped early after epoch 3 of 9: it waited",
    ]


def test_run_without_an_epoch_has_no_accuracy(tmp_path: Path) -> None:
    assert lines(small_config(tmp_path), {})[0] == "no epoch was finished"


def test_command_that_opens_it_names_only_what_is_elsewhere(tmp_path: Path) -> None:
    outputs = checkout() / "outputs"
    command = "python -m experiments.ui"
    assert open_command(small_config(outputs)) == command
    assert open_command(small_config(tmp_path)) == f"{command} --outputs-dir {tmp_path}"
    elsewhere = small_config(outputs, tracking__uri="http://localhost:5000")
    assert open_command(elsewhere) == f"{command} --tracking-uri http://localhost:5000"


@pytest.mark.parametrize("password", ["secret", "s@cret"])
def test_password_is_not_shown(password: str, tmp_path: Path) -> None:
    config = small_config(tmp_path, tracking__uri=f"http://user:{password}@host")
    assert password not in "".join(lines(config, FINAL))
