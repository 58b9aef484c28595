"""Git, as a command: of the checkout that this code lies in, whatever variables and settings surround it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("cnn_core", "conf", "experiments", "pyproject.toml")  # what a run is made of
_PATIENCE = 30.0  # seconds; asked of a checkout of this size it answers in hundredths of one
# What a person's settings could start or change.
_OWN = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks", "--literal-pathspecs")


class GitError(Exception):
    """Git is not there, or refuses; the message is the last that it said."""


def git(*words: str, cwd: Path, given: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
    """What `git WORDS` prints.

    Args:
        words: of the command.
        cwd: where it is called.
        given: what it reads.
        variables: of its environment; no other that begins with `GIT_` gets there.

    Raises:
        GitError: it fails, in whichever way.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", *_OWN, *words],
            cwd=cwd,
            env={**environment, **(variables or {})},
            input=given,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise GitError(str(error)) from error
    if answer.returncode:
        said = answer.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(said[-1] if said else f"git {words[0]} ended with exit code {answer.returncode}")
    return answer.stdout


def head(root: Path) -> str:
    """The commit that a folder is a checkout of.

    Raises:
        GitError: it is no checkout of its own, but was installed into a folder that may be in another, or it has no
            commit yet.
    """
    answer = git("rev-parse", "--show-toplevel", "HEAD", cwd=root).decode(errors="replace")
    place, _, commit = answer.removesuffix("\n").rpartition("\n")
    if Path(place).resolve() != root.resolve():
        raise GitError(f"{root} is not the top of a checkout")
    return commit
