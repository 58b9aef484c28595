"""A folder of somebody else's configurations can at worst be refused."""

from pathlib import Path

import pytest

from experiments.config.foreign import refuse_what_would_be_carried_out
from experiments.untrusted import RefusedError
from tests.runner.composed import CONF
from tests.runner.conftest import Command

CALL = "{_target_: logging.FileHandler, filename: CANARY}"
SAID = "of Hydra's own part only hydra.mode and hydra.sweeper.params may be said here"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("CANARY", str(folder / "canary")))
    return path


HOSTILE = {
    "callback": ("experiment/x.yaml", f"# @package _global_\nhydra:\n  callbacks:\n    x: {CALL}\n", SAID),
    "sweeper": ("experiment/x.yaml", f"# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper: {CALL}\n", SAID),
    "log handler": (
        "experiment/x.yaml",
        "# @package _global_\nhydra:\n  job_logging:\n    handlers: {x: {'()': logging.FileHandler}}\n",
        SAID,
    ),
    "package of Hydra's": ("experiment/x.yaml", f"# @package hydra.callbacks.x\n{CALL}\n", SAID),
    "default in Hydra's part": ("experiment/x.yaml", "defaults:\n- /model@hydra.callbacks.x: y\n", SAID),
    "override in Hydra's part": ("experiment/x.yaml", "defaults:\n- override /hydra/launcher: x\n", SAID),
    "group of Hydra's": ("hydra/callbacks/x.yaml", CALL, "a configuration of Hydra itself would be carried out"),
    "Python object": ("experiment/x.yaml", "model: !!python/object/apply:os.system [ls]\n", "it has a tag"),
    "anchor": ("experiment/x.yaml", "a: &a [1]\nb: [*a, *a]\n", "it refers to itself"),
    "depth": ("experiment/x.yaml", "a: " + "[" * 50_000, "it is deeper than"),
    "size": ("experiment/x.yaml", "a: " + "1" * 300_000, "it is larger than"),
}


@pytest.mark.parametrize(("name", "text", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_file_is_refused_in_a_line_and_nothing_of_it_happens(
    name: str, text: str, said: str, tmp_path: Path, words: list[str], train_command: Command, outputs: Path
) -> None:
    path = write(tmp_path / "conf", name, text)
    code, out, err = train_command("--config-dir", str(tmp_path / "conf"), "experiment=x", *words)
    assert code != 0
    assert out == ""
    assert err.startswith(f"{path}: ")
    assert said in " ".join(err.split())
    assert not (tmp_path / "conf" / "canary").exists()
    assert not outputs.exists()


@pytest.mark.parametrize(
    "words",
    [["--config-dir", "DIR"], ["--config-dir=DIR"], ["-cd", "DIR"], ["-cp", "DIR"], ["hydra.searchpath=[file://DIR]"]],
    ids=lambda words: words[0],
)
def test_folder_is_looked_through_however_it_is_named(words: list[str], tmp_path: Path) -> None:
    write(tmp_path, "experiment/x.yaml", "# @package hydra.callbacks.x\n")
    with pytest.raises(RefusedError, match=r"hydra\.callbacks\.x"):
        refuse_what_would_be_carried_out(["seed=1", *(word.replace("DIR", str(tmp_path)) for word in words)])


def test_settings_and_sweeps_of_ones_own_are_no_strangers(tmp_path: Path) -> None:
    write(tmp_path, "experiment/x.yaml", "# @package _global_\ndefaults:\n- override /model: lenet5\nseed: 3\n")
    write(tmp_path, "model/x.yaml", "# nothing is said yet\n")
    for preset in (CONF / "sweep").glob("*.yaml"):
        write(tmp_path, f"sweep/{preset.name}", preset.read_text())
    refuse_what_would_be_carried_out(["--config-dir", str(tmp_path)])


def test_nothing_is_looked_at_unless_a_folder_is_named() -> None:
    refuse_what_would_be_carried_out(["-m", "seed=1,2", "--cfg", "job"])
