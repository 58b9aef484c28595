"""What Hydra offers on every command line works on this one; nothing is run or written by asking."""

from pathlib import Path

from tests.end_to_end.conftest import finish


def answer(*words: str, cwd: Path, **variables: str) -> str:
    command = finish("train", *words, cwd=cwd, **variables)
    assert (command.returncode, command.stderr) == (0, "")
    return command.stdout


def test_help_shows_examples_groups_and_keys(elsewhere: Path) -> None:
    out = answer("--help", cwd=elsewhere)
    assert "python -m experiments.train experiment=seed" in out
    assert "python -m experiments.train -m optimizer.lr=0.1,0.01" in out
    assert "mnist_5k, mnist, fashion_mnist, digits, synthetic" in out
    assert "\n  batch_size: 64\n" in out


def test_configuration_is_printed(elsewhere: Path) -> None:
    out = answer("--cfg", "job", "optimizer=adam", cwd=elsewhere)
    assert "optimizer:\n  name: adam\n" in out


def test_composition_is_explained(elsewhere: Path) -> None:
    assert "data/digits" in answer("--info", "config", "data=digits", cwd=elsewhere)


def test_words_are_completed(elsewhere: Path) -> None:
    line = "python train.py optimizer="
    out = answer("-sc", "query=bash", cwd=elsewhere, COMP_LINE=line, COMP_POINT=str(len(line)))
    assert {"optimizer=adam", "optimizer=sgd"} <= set(out.split())


def test_mistake_is_answered_in_a_line_and_nothing_is_written(elsewhere: Path, tmp_path: Path) -> None:
    command = finish("train", "data.batch_size=0", f"outputs_dir={tmp_path}/outputs", cwd=elsewhere)
    assert (command.returncode, command.stdout) == (2, "")
    assert command.stderr == "data.batch_size=0: must be at least 1\n"
    assert not (tmp_path / "outputs").exists()
