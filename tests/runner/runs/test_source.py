"""Where a run's code came from: the commit, the patch that makes the code of it, and the command line."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.git import SOURCES
from experiments.runs import source
from experiments.runs.folder import RunFolder
from experiments.runs.source import Source, command_line, current_source, record_source, work_for
from tests.runner.checkouts import git, made_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made_checkout(tmp_path / "checkout")
    return tmp_path / "checkout"


def of(root: Path) -> Source:
    current_source.cache_clear()
    return current_source(root)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test made this process believe of itself."""
    monkeypatch.setattr("experiments.runs.source._parents", None)
    yield
    current_source.cache_clear()


def test_unchanged_checkout_is_its_commit(checkout: Path) -> None:
    assert of(checkout) == Source(git(checkout, "rev-parse", "HEAD"), dirty=False, patch=None)


def edit(root: Path) -> None:
    (root / "cnn_core" / "a.py").write_text("this was\n")


def add(root: Path) -> None:
    (root / "experiments" / "new").mkdir()
    (root / "experiments" / "new" / "ü \n.py").write_text("new\n")
    (root / "conf" / "empty.yaml").touch()


def remove(root: Path) -> None:
    (root / "conf" / "b.yaml").unlink()


def rename(root: Path) -> None:
    git(root, "mv", "cnn_core/a.py", "cnn_core/z.py")


def stage(root: Path) -> None:
    edit(root)
    git(root, "add", "--all")
    (root / "cnn_core" / "a.py").write_text("this will be\n")


def take_out_of_the_index(root: Path) -> None:
    git(root, "rm", "--quiet", "--cached", "pyproject.toml")
    edit(root)


def hide(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "cnn_core/a.py")
    edit(root)


def binary(root: Path) -> None:
    (root / "conf" / "b.yaml").write_bytes(bytes(range(256)))


def mode(root: Path) -> None:
    (root / "experiments" / "c.py").chmod(0o755)


def ignore(root: Path) -> None:
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "exclude").write_text("private*\n")
    (root / "cnn_core" / "private.py").write_text("private\n")
    (root / "experiments" / "private ü").mkdir()
    (root / "experiments" / "private ü" / "more.py").write_text("more\n")


CHANGES = [edit, add, remove, rename, stage, take_out_of_the_index, hide, binary, mode, ignore]


def files(root: Path) -> dict[str, tuple[bytes, bool]]:
    """Content and executability of every file of the code, by name."""
    found = (path for place in SOURCES for path in [root / place, *(root / place).rglob("*")])
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR))
        for path in found
        if path.is_file()
    }


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("settings", [{}, {"diff.noprefix": "true", "color.diff": "always", "diff.renames": "copies"}])
def test_commit_and_patch_make_the_code(
    change: Callable[[Path], None], settings: dict[str, str], checkout: Path, tmp_path: Path
) -> None:
    for key, value in settings.items():
        git(checkout, "config", key, value)
    change(checkout)
    found = of(checkout)
    assert found.dirty
    git(tmp_path, "clone", "--quiet", str(checkout), "clone")
    (tmp_path / "patch").write_bytes(found.patch or b"")
    git(tmp_path / "clone", "apply", str(tmp_path / "patch"))
    assert files(tmp_path / "clone") == files(checkout)


@pytest.mark.parametrize("change", CHANGES)
def test_checkout_is_only_looked_at(change: Callable[[Path], None], checkout: Path) -> None:
    change(checkout)
    index, status = (checkout / ".git" / "index").read_bytes(), git(checkout, "status", "--porcelain")
    before = {path: path.lstat().st_mtime_ns for path in checkout.rglob("*") if path.name != "index"}
    (checkout / ".git" / "index").write_bytes(index)  # `status` may have refreshed it
    of(checkout)
    assert (checkout / ".git" / "index").read_bytes() == index
    assert {path: path.lstat().st_mtime_ns for path in checkout.rglob("*") if path.name != "index"} == before
    assert git(checkout, "status", "--porcelain") == status


def test_what_is_no_code_is_no_change(checkout: Path) -> None:
    (checkout / "README.md").write_text("other\n")
    (checkout / "experiments" / "__pycache__").mkdir()
    (checkout / "experiments" / "__pycache__" / "c.pyc").touch()
    (checkout / "outputs").mkdir()
    (checkout / "outputs" / "history.jsonl").touch()
    assert of(checkout).dirty is False


@pytest.mark.parametrize("name", ["experiments/large", "cnn_core/a.py"])
def test_large_change_is_noted_but_not_kept(name: str, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PATCH_LIMIT", 1000)
    (checkout / name).write_bytes(os.urandom(1001))
    assert of(checkout) == Source(git(checkout, "rev-parse", "HEAD"), dirty=True, patch=None)


def test_large_deletion_is_noted_but_not_kept(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PATCH_LIMIT", 10)
    remove(checkout)
    assert of(checkout) == Source(git(checkout, "rev-parse", "HEAD"), dirty=True, patch=None)


@pytest.mark.parametrize("damage", ["no repository", "no git", "no objects", "somebody else's"])
def test_where_git_does_not_answer_nothing_is_known(
    damage: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if damage == "no repository":
        (checkout / ".git").rename(tmp_path / "elsewhere")
    elif damage == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif damage == "no objects":
        (checkout / ".git" / "objects").rename(tmp_path / "objects")
    else:
        if os.getuid() != 0:
            pytest.skip("only root can give a folder to somebody else")
        for path in (checkout, checkout / ".git"):
            os.chown(path, 12345, 12345)
    assert of(checkout) == Source(None, None, None)


def test_commit_is_known_though_its_changes_are_not(checkout: Path) -> None:
    (checkout / "experiments" / "another").mkdir()
    git(checkout / "experiments" / "another", "init", "--quiet")
    assert of(checkout) == Source(git(checkout, "rev-parse", "HEAD"), dirty=None, patch=None)


def test_git_is_asked_once_a_process(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of(checkout)
    monkeypatch.setattr(source, "git", None)
    edit(checkout)
    assert current_source(checkout) == first


# What a run's folder and MLflow say of it


def recorded(folder: RunFolder, found: Source, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(source, "current_source", lambda: found)
    record_source(folder)
    content = json.loads(folder.source.read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path, "0123456789ab")
    made.path.mkdir(parents=True)
    return made


def test_patch_lies_beside_its_digest(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    content = recorded(folder, Source("c" * 40, dirty=True, patch=b"diff"), monkeypatch)
    assert folder.patch.read_bytes() == b"diff"
    assert content["patch.sha256"] == hashlib.sha256(b"diff").hexdigest()
    assert (content["commit"], content["dirty"]) == ("c" * 40, True)


def test_patch_of_an_earlier_attempt_does_not_stay(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(folder, Source("c" * 40, dirty=True, patch=b"diff"), monkeypatch)
    content = recorded(folder, Source("d" * 40, dirty=False, patch=None), monkeypatch)
    assert not folder.patch.exists()
    assert (content["commit"], content["dirty"], content["patch.sha256"]) == ("d" * 40, False, None)


def test_patch_that_is_not_kept_is_said_to_be(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    content = recorded(folder, Source("c" * 40, dirty=True, patch=None), monkeypatch)
    assert content["patch"] == "not recorded, it is larger than 5,000,000 bytes"


def test_unknown_commit_is_recorded_as_such(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    content = recorded(folder, Source(None, None, None), monkeypatch)
    assert (content["commit"], content["dirty"], content["patch"]) == (None, None, None)


def test_command_line_is_recorded_without_secrets(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["/somewhere/python", "-m", "experiments.train", "seed=1", "tracking.uri=http://me:secret@host:5000"]
    monkeypatch.setattr(sys, "orig_argv", words)
    content = recorded(folder, Source(None, None, None), monkeypatch)
    assert content["command"] == ["python", "-m", "experiments.train", "seed=1", "tracking.uri=http://host:5000"]


def test_worker_has_its_parents_command_line_and_code() -> None:
    code = Source("c" * 40, dirty=True, patch=b"diff")
    work_for(["python", "-m", "experiments.train", "-m"], code)
    assert (command_line(), current_source()) == (("python", "-m", "experiments.train", "-m"), code)


def test_command_of_a_real_process_is_the_one_that_was_typed() -> None:
    code = "from experiments.runs.source import command_line; print(command_line()[:2])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "('python', '-c')"
