"""Git, asked without being misled."""

from pathlib import Path

import pytest

from experiments.git import GitError, git, head
from tests.runner.checkouts import made_checkout


def test_commit_of_a_checkout_is_known(tmp_path: Path) -> None:
    commit = made_checkout(tmp_path)
    assert head(tmp_path) == commit


def test_environment_does_not_lead_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = made_checkout(tmp_path / "a")
    made_checkout(tmp_path / "b")
    (tmp_path / "b" / "README.md").write_text("other\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "b" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "b"))
    assert head(tmp_path / "a") == commit


def test_folder_inside_a_checkout_is_none(tmp_path: Path) -> None:
    made_checkout(tmp_path)
    with pytest.raises(GitError, match="is not the top of a checkout"):
        head(tmp_path / "experiments")


def test_folder_without_a_commit_has_none(tmp_path: Path) -> None:
    with pytest.raises(GitError):
        head(tmp_path)
    git("init", "--quiet", cwd=tmp_path)
    with pytest.raises(GitError):
        head(tmp_path)


def test_missing_git_is_an_error_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="No such file"):
        git("version", cwd=tmp_path)


def test_refusal_says_what_git_says(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"^fatal: not a git repository"):
        git("status", cwd=tmp_path)


def test_hooks_and_watchers_of_a_repository_are_not_started(tmp_path: Path) -> None:
    made_checkout(tmp_path)
    started = tmp_path / "started"
    for name in ("post-index-change", "post-checkout", "watcher"):
        hook = tmp_path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {started}\n")
        hook.chmod(0o755)
    git("config", "core.fsmonitor", str(tmp_path / ".git" / "hooks" / "watcher"), cwd=tmp_path)
    git("checkout", "--quiet", "HEAD", cwd=tmp_path)
    git("diff", cwd=tmp_path)
    git("read-tree", "HEAD", cwd=tmp_path)
    assert not started.exists()
