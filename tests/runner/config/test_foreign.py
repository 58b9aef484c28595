"""A folder of somebody else's configurations can at worst be refused."""

import pickle
from pathlib import Path
from typing import Any

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
    "names in another comment's line": (
        "experiment/x.yaml",
        f"# @y z\u2028# @package hydra.callbacks.x\n{CALL}\n",
        SAID,
    ),
    "line that ends as only YAML's do": ("experiment/x.yaml", f"# y\u2028hydra: {{callbacks: {{x: {CALL}}}}}\n", SAID),
    "call in a sweep": (
        "experiment/x.yaml",
        f"# @package _global_\nhydra:\n  sweeper:\n    params: {CALL}\n",
        "_target_: must be a key with its values, KEY: A,B",
    ),
    "call among a sweep's values": (
        "experiment/x.yaml",
        f"# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: {CALL}\n",
        "seed: must be a key with its values, KEY: A,B",
    ),
    "call that a sweep's value names": (
        "experiment/x.yaml",
        f"# @package _global_\nsweep: {{zip: [{CALL}]}}\nhydra: {{sweeper: {{params: {{seed: '${{sweep.zip}}'}}}}}}\n",
        "${sweep.zip}: a name with",
    ),
    "call that a sweep names": (
        "experiment/x.yaml",
        f"# @package _global_\nsweep: {{zip: [{CALL}]}}\nhydra: {{sweeper: {{params: '${{sweep.zip.0}}'}}}}\n",
        "hydra.sweeper.params: must be a key with its values, KEY: A,B",
    ),
    "part of Hydra in a sweep": (
        "experiment/x.yaml",
        "# @package _global_\nhydra: {sweeper: {params: {hydra.verbose: true}}}\n",
        SAID,
    ),
    "group of Hydra's by a dot": (
        "hydra.callbacks/x.yaml",
        CALL,
        "a configuration of Hydra itself would be carried out",
    ),
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


OUTSIDE = f"# @package _global_\nhydra:\n  callbacks:\n    x: {CALL}\n"


@pytest.mark.parametrize("name", ["../../outside/evil", "../experiment/../../outside/evil", "//FOLDER/outside/evil"])
def test_file_outside_the_folder_is_not_led_to(
    name: str, tmp_path: Path, words: list[str], train_command: Command, outputs: Path
) -> None:
    write(tmp_path, "outside/evil.yaml", OUTSIDE)
    name = name.replace("FOLDER", str(tmp_path)[1:])
    path = write(tmp_path / "conf", "experiment/x.yaml", f"# @package _global_\ndefaults:\n- {name}\n")
    code, out, err = train_command("--config-dir", str(tmp_path / "conf"), "experiment=x", "dry_run=true", *words)
    assert (code, out) == (1, "")
    assert err == f"{path}: {name}: a name with .. or // or ${{ may lead to what is not looked at\n"
    assert not (tmp_path / "canary").exists()
    assert not outputs.exists()


@pytest.mark.parametrize("default", ["model: ${name}", "override /model: ../../outside/evil", "/../outside/evil"])
def test_default_that_leads_elsewhere_is_refused_however_it_is_written(default: str, tmp_path: Path) -> None:
    write(tmp_path, "experiment/x.yaml", f"defaults:\n- {default}\n")
    with pytest.raises(RefusedError, match="may lead to what is not looked at"):
        refuse_what_would_be_carried_out(["--config-dir", str(tmp_path)])


@pytest.mark.parametrize("link", ["experiment", "experiment/x.yaml", "hydra", "deep/er"])
def test_symbolic_link_is_not_followed(
    link: str, tmp_path: Path, words: list[str], train_command: Command, outputs: Path
) -> None:
    write(tmp_path, "outside/x.yaml", OUTSIDE)
    path = tmp_path / "conf" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "outside" / ("x.yaml" if path.suffix else ""))
    code, out, err = train_command("--config-dir", str(tmp_path / "conf"), "+experiment=x", "dry_run=true", *words)
    assert (code, out) == (1, "")
    assert err == f"{path}: a symbolic link leads to what is not looked at; put a copy there\n"
    assert not (tmp_path / "canary").exists()
    assert not outputs.exists()


def test_link_to_what_hydra_never_reads_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(__file__)
    refuse_what_would_be_carried_out(["--config-dir", str(tmp_path)])


def test_configuration_of_the_program_is_looked_for_from_the_program(tmp_path: Path) -> None:
    write(tmp_path, "experiment/x.yaml", "# @package hydra.callbacks.x\n")
    away = Path("../" * 20) / tmp_path.relative_to("/")
    with pytest.raises(RefusedError, match=r"hydra\.callbacks\.x"):
        refuse_what_would_be_carried_out(["--config-path", str(away)])


@pytest.mark.parametrize(
    "words",
    [
        ["--config-dir", "DIR"],
        ["--config-dir=DIR"],
        ["-cd", "DIR"],
        ["-cp", "DIR"],
        ["hydra.searchpath=[file://DIR]"],
        ["hydra.searchpath=[DIR]"],
        ["++hydra.searchpath=['DIR']"],
    ],
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


class Touch:
    """What touches a file when it is read as a pickle."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("flag", ["--experimental-rerun", "--experimental", "--ex"])
@pytest.mark.parametrize("joined", [True, False], ids=["with =", "in two words"])
def test_hydras_pickle_of_a_run_is_not_read(
    flag: str, joined: bool, tmp_path: Path, words: list[str], train_command: Command, outputs: Path
) -> None:
    file, canary = tmp_path / "config.pickle", tmp_path / "canary"
    file.write_bytes(pickle.dumps(Touch(canary)))
    code, out, err = train_command(*([f"{flag}={file}"] if joined else [flag, str(file)]), *words)
    assert (code, out) == (1, "")
    assert err == (
        "--experimental-rerun: would carry out what a pickle says; python -m experiments.rerun RUN runs again\n"
    )
    assert not canary.exists()
    assert not outputs.exists()
    pickle.loads(file.read_bytes())
    assert canary.exists()
