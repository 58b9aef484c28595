"""Runs of other stores, other commits and changed checkouts, run again by real processes."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PATIENCE, TINY, Begin, begin, finish, read_until
from tests.end_to_end.test_ui import free_port
from tests.runner.checkouts import committed, git
from tests.runner.composed import CHECKOUT

pytestmark = pytest.mark.long

SAME = "identical: 2 epochs, every metric and the weights after each, to the last bit"


def train(cwd: Path, outputs: Path, *words: str) -> str:
    """Train a tiny run with the code that lies in this folder, and return its identity."""
    ended = finish("train", *TINY, "trainer.epochs=2", f"outputs_dir={outputs}", *words, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    (folder,) = (outputs / "runs").iterdir()
    return folder.name


def run_again(cwd: Path, outputs: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return finish("rerun", *words, "--outputs-dir", str(outputs), cwd=cwd)


def test_run_is_run_again_from_a_tracking_server(begin_command: Begin, tmp_path: Path) -> None:
    server = begin_command("ui", "--port", str(free_port()))
    _, link = read_until(server.process.stdout, "  http")
    uri = re.sub(r"/#.*", "", link.strip())
    identity = train(tmp_path, tmp_path / "there", f"tracking.uri={uri}", "tracking.experiment=remote")
    shutil.rmtree(tmp_path / "there")
    again = run_again(tmp_path, tmp_path / "here", identity[:7], "--tracking-uri", uri)
    assert again.returncode == 0, again.stderr
    assert SAME in again.stdout.splitlines()
    assert f" in {uri}" in again.stdout
    server.process.send_signal(signal.SIGTERM)
    server.finish()


def test_run_of_the_previous_commit_is_run_again_with_todays_code(tmp_path: Path, elsewhere: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(CHECKOUT), "previous")
    git(tmp_path / "previous", "checkout", "--quiet", "HEAD~1")
    identity = train(tmp_path / "previous", tmp_path / "outputs")
    again = run_again(elsewhere, tmp_path / "outputs", identity)
    assert "data         the same" in again.stdout, again.stderr
    if "code         the same" in again.stdout:
        assert again.returncode == 0, again.stdout
        assert SAME in again.stdout.splitlines()
    else:  # a commit may change results; then it says so
        assert ("identical: " in again.stdout) == (again.returncode == 0)
        assert "different from epoch" in again.stdout or again.returncode == 0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout of its own, with the code as it lies here, committed or not."""
    root = tmp_path / "clone"
    for name in ("cnn_core", "conf", "experiments"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", root)
    (root / ".gitignore").write_text("__pycache__/\noutputs/\n")
    committed(root)
    return root


def change(root: Path) -> None:
    """Change what comes of every run."""
    path = root / "cnn_core" / "initializers.py"
    path.write_text(path.read_text().replace("math.sqrt(2.0 / fan_in)", "math.sqrt(1.9 / fan_in)"))
    (root / "experiments" / "note.py").write_text("# not committed\n")


def test_code_of_then_makes_the_bits_of_then(clone: Path, tmp_path: Path) -> None:
    change(clone)
    identity = train(clone, tmp_path / "outputs")
    git(clone, "reset", "--quiet", "--hard")
    git(clone, "clean", "--quiet", "--force", "-d")

    today = run_again(clone, tmp_path / "outputs", identity)
    assert today.returncode == 1
    assert "identical" not in today.stdout
    assert "different from epoch 1 on: train/loss" in today.stdout.splitlines()
    assert today.stdout.count("code         differs, ") == 2
    assert "             --at-commit runs the code of then" in today.stdout.splitlines()

    then = run_again(clone, tmp_path / "outputs", identity, "--at-commit")
    assert then.returncode == 0, then.stderr
    assert SAME in then.stdout.splitlines()
    assert "code         the same" in then.stdout
    assert then.stderr.startswith("running code from the record: commit ")
    assert then.stderr.splitlines()[0].endswith(" and its patch of 2 files")
    assert len(git(clone, "worktree", "list").splitlines()) == 1
    assert git(clone, "status", "--porcelain") == ""


def test_rerun_that_is_killed_is_gone_on_with(tmp_path: Path, elsewhere: Path) -> None:
    outputs = tmp_path / "outputs"
    identity = train(elsewhere, outputs, "trainer.epochs=20", "data.train_size=4000")
    process = begin("rerun", identity, "--outputs-dir", str(outputs), cwd=elsewhere)
    read_until(process.stderr, "epoch 5/20")
    process.kill()
    process.communicate(timeout=PATIENCE)
    again = run_again(elsewhere, outputs, identity)
    assert again.returncode == 0, again.stderr
    assert "identical: 20 epochs" in again.stdout
    assert [path.name for path in (outputs / "reruns").iterdir()] == [f"{identity}-1"]
    assert "going on after epoch" in again.stderr
