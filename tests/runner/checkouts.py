"""Small git repositories with the project's top level, made for a test."""

import os
import subprocess
from pathlib import Path

AUTHOR = {f"GIT_{who}_{what}": "nobody@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> str:
    """What a git command says, without anybody's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(
        command, cwd=folder, env={**kept, **settings, **AUTHOR}, check=True, capture_output=True, text=True
    ).stdout.strip()


def made_checkout(root: Path) -> str:
    """A repository with a file in each of the project's folders; returns its commit."""
    for name in ("cnn_core/a.py", "conf/b.yaml", "experiments/c.py", "pyproject.toml", "README.md"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is\n{name}\n")
    (root / ".gitignore").write_text("__pycache__/\n")
    return committed(root)


def committed(root: Path) -> str:
    """Commit everything there is, in a repository that is made if there is none; returns the commit."""
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "all")
    return git(root, "rev-parse", "HEAD")
