"""A rerun with the code of then: the recorded commit in a temporary worktree, the recorded patch applied.

That runs code from the record, which is said first. The worktree is gone afterwards, whatever happens.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from shutil import rmtree
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from experiments.comparison.wording import counted
from experiments.config.places import checkout
from experiments.errors import UserError
from experiments.git import SOURCES, GitError, git, head
from experiments.interruption import INTERRUPTED, undisturbed
from experiments.reruns.original import Original
from experiments.store.uri import is_server, public
from experiments.terminal import stderr

_DIGITS = 12


def run_at_commit(original: Original, outputs_dir: Path, uri: str, tolerance: float | None) -> int:
    """Run it, and return the exit code.

    Raises:
        UserError: the code of then cannot be had.
    """
    commit, patch = _code(original)
    changed = _changed(patch)
    changes = f" and its patch of {counted(len(changed), 'file')}" if changed else ""
    stderr.print(f"running code from the record: commit {commit[:_DIGITS]}{changes}", style="yellow", highlight=False)
    with _worktree(commit) as root:
        _apply(patch, root)
        if not (root / "experiments" / "rerun.py").is_file():
            raise UserError(f"commit {commit[:_DIGITS]} has no rerun command yet; check it out and train with its own")
        address = public(uri) if is_server(uri) else uri  # everybody on the machine can read a command line
        where = ["--outputs-dir", str(outputs_dir), "--tracking-uri", address]
        with_tolerance = [] if tolerance is None else ["--tolerance", repr(tolerance)]
        return _carried_out([original.word, *where, *with_tolerance], root, _login(uri))


def _code(original: Original) -> tuple[str, bytes]:
    source = original.source
    if source.commit is None:
        raise UserError(f"{original.place}: no commit is recorded, so the code of then cannot be had")
    if source.dirty and source.patch is None:
        raise UserError(f"{original.place}: its code had been changed, and the patch is not recorded or damaged")
    try:
        head(checkout())
    except GitError as error:
        raise UserError(f"--at-commit needs a checkout that git answers for: {error}") from error
    try:
        git("cat-file", "-e", f"{source.commit}^{{commit}}", cwd=checkout())
    except GitError as error:
        raise UserError(f"commit {source.commit} is not in this repository; git fetch may bring it") from error
    return source.commit, source.patch or b""


def _changed(patch: bytes) -> list[str]:
    """The files of a patch, all of them the project's code."""
    if not patch:
        return []
    try:
        listed = git("apply", "--numstat", "--whitespace=nowarn", "-z", "-", cwd=checkout(), given=patch)
    except GitError as error:
        raise UserError(f"the recorded patch is none that git can read: {error}") from error
    names = [os.fsdecode(line.split(b"\t", 2)[2]) for line in listed.split(b"\0")[:-1]]
    for name in names:
        path = PurePosixPath(name)
        if ".." in path.parts or path.parts[0] not in SOURCES:
            raise UserError(f"the recorded patch would change {name!r}, which is no code of a run's; nothing was run")
    return names


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """A checkout of its own of a commit, gone afterwards."""
    with TemporaryDirectory(prefix="rerun-") as folder:
        root = Path(folder) / "checkout"
        try:
            try:
                git("worktree", "add", "--quiet", "--detach", str(root), commit, cwd=checkout())
            except GitError as error:
                raise UserError(f"commit {commit[:_DIGITS]} cannot be checked out: {error}") from error
            yield root
        finally:
            with undisturbed(), suppress(GitError):
                rmtree(root, ignore_errors=True)  # first: git refuses what it has made by half
                git("worktree", "remove", "--force", str(root), cwd=checkout())


def _apply(patch: bytes, root: Path) -> None:
    if patch:
        try:
            git("apply", "--whitespace=nowarn", "-", cwd=root, given=patch)
        except GitError as error:
            raise UserError(f"the recorded patch does not apply to its commit: {error}") from error


def _carried_out(words: list[str], root: Path, known: dict[str, str]) -> int:
    """Run the command in the worktree, with its code; interrupted, let it close its run first."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}  # cwd is where the code is
    variables |= known
    # A session of its own: Ctrl-C on a terminal would reach it twice, and cut short how it closes its run.
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.rerun", *words], cwd=root, env=variables, start_new_session=True
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        with undisturbed():
            process.terminate()
            process.wait()
        return INTERRUPTED
    return code if code >= 0 else 128 - code


def _login(uri: str) -> dict[str, str]:
    """The user and password of a tracking server, as the variables by which MLflow finds them as well."""
    parts = urlsplit(uri)
    known = {"MLFLOW_TRACKING_USERNAME": parts.username, "MLFLOW_TRACKING_PASSWORD": parts.password}
    return {name: unquote(text) for name, text in known.items() if text} if is_server(uri) else {}
