"""Where a run's code came from: the git commit, what had been changed since, and the command line.

The checkout is only looked at: its files and its index stay as they are. Where there is no git, or it refuses, the
commit is not known, or not what had been changed, and nothing else happens.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.files import write_json, write_whole
from experiments.git import ROOT, SOURCES, GitError, git, head
from experiments.runs.folder import RunFolder
from experiments.store.uri import public

PATCH_LIMIT = 5_000_000  # bytes; what is larger is no change of code

# A patch that applies anywhere, whatever a person has set for reading.
_PLAIN = (
    *("--binary", "--full-index", "--unified=3", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative"),
)

_parents: "tuple[tuple[str, ...], Source] | None" = None  # of a process that carries out runs for another


@dataclass(frozen=True)
class Source:
    """The code of this process.

    Args:
        commit: the last one; None if it is not known.
        dirty: whether there are changes that it has not; None if that is not known.
        patch: these changes; None if there are none, they are not known or are too large.
    """

    commit: str | None
    dirty: bool | None
    patch: bytes | None


def record_source(folder: RunFolder) -> None:
    """Write to a run's folder where the code of this process came from."""
    source, digest, where = current_source(), None, None
    if source.patch is not None:
        write_whole(folder.patch, source.patch)
        digest, where = sha256(source.patch).hexdigest(), folder.patch.name
    else:
        folder.patch.unlink(missing_ok=True)
        where = f"not recorded, it is larger than {PATCH_LIMIT:,} bytes" if source.dirty else None
    known = {"commit": source.commit, "dirty": source.dirty, "patch": where, "patch.sha256": digest}
    write_json(folder.source, {**known, "command": list(command_line())})


def command_line() -> tuple[str, ...]:
    """The command that was typed, as it may be shown: without secrets, nor the place of this machine's Python."""
    return _parents[0] if _parents is not None else ("python", *map(public, sys.orig_argv[1:]))


def work_for(command: Sequence[str], source: Source) -> None:
    """Let this process's runs have the command line and the code of the one that it carries them out for."""
    global _parents  # noqa: PLW0603  # a process works for one other as long as it lives
    _parents = tuple(command), source


@cache  # a sweep of hundreds of runs asks once
def current_source(root: Path = ROOT) -> Source:
    """The code of this process, as it was when first asked for."""
    if _parents is not None:
        return _parents[1]
    try:
        commit = head(root)
    except GitError:
        return Source(None, None, None)
    try:
        patch = _patch(root)
    except GitError:  # as about a repository without a commit within this one
        return Source(commit, None, None)
    return Source(commit, patch is None or patch != b"", patch or None)


def _patch(root: Path) -> bytes | None:
    """What the last commit lacks of the code, new files included; None if it is too large.

    Of ignored files it is Python's that are code, as for the digest of it.
    """
    with TemporaryDirectory() as folder:
        variables = _writing_to(Path(folder), root)

        def ask(*words: str, given: bytes = b"") -> bytes:
            return git(*words, cwd=root, variables=variables, given=given)

        ask("read-tree", "HEAD")
        ask("add", "--intent-to-add", "--", *(place for place in SOURCES if (root / place).exists()))  # names alone
        ignored = ask("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *SOURCES).split(b"\0")
        if code := b"\0".join(name for name in ignored if name.endswith(b".py")):
            ask("add", "--intent-to-add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", given=code)
        changed = ask("diff", "--name-only", "-z", "HEAD", "--", *SOURCES)
        if sum(_size(root / os.fsdecode(name)) for name in changed.split(b"\0")[:-1]) > PATCH_LIMIT:
            return None
        patch = ask("diff", *_PLAIN, "HEAD", "--", *SOURCES)
    return patch if len(patch) <= PATCH_LIMIT else None


def _writing_to(folder: Path, root: Path) -> dict[str, str]:
    """What makes git write to this folder: the user's index may be half-way through something, or read-only."""
    objects = git("rev-parse", "--git-path", "objects", cwd=root).removesuffix(b"\n")
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "objects" / "info" / "alternates").write_bytes(os.fsencode(root / os.fsdecode(objects)) + b"\n")
    return {"GIT_INDEX_FILE": str(folder / "index"), "GIT_OBJECT_DIRECTORY": str(folder / "objects")}


def _size(path: Path) -> int:
    return path.lstat().st_size if path.is_symlink() or path.exists() else 0
