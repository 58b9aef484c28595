"""The code of then: a commit and a patch in a worktree of its own, which is gone afterwards.

What is run there is a command of a few lines that says what it sees.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.reruns import at_commit
from experiments.reruns.at_commit import run_at_commit
from experiments.reruns.original import Original, RecordedSource
from experiments.runs.source import current_source
from tests.runner.checkouts import committed, git, made_checkout
from tests.runner.composed import CHECKOUT
from tests.runner.reruns.records import original

SAYS = """
import sys
from pathlib import Path
print(*sys.argv[1:], sep="\\n", file=open({said!r}, "w"))
print(Path("cnn_core/a.py").read_text(), file=open({said!r}, "a"))
sys.exit({code})
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose rerun command says what it sees, and exits with 7."""
    root = tmp_path / "repository"
    (root / "experiments").mkdir(parents=True)
    (root / "experiments" / "__init__.py").touch()
    (root / "experiments" / "rerun.py").write_text(SAYS.format(said=str(tmp_path / "said"), code=7))
    made_checkout(root)
    monkeypatch.setattr(at_commit, "checkout", lambda: root)
    return root


def recorded(root: Path) -> Original:
    """A record made by this checkout as it is now."""
    current_source.cache_clear()
    source = current_source(root)
    current_source.cache_clear()
    assert source.commit is not None
    return replace(original(), source=RecordedSource(source.commit, bool(source.dirty), source.patch))


def run(then: Original, tolerance: float | None = None) -> int:
    return run_at_commit(then, Path("/outputs"), "sqlite:////outputs/mlflow.db", tolerance)


def is_as_before(root: Path) -> bool:
    """Whether no worktree is left, in the repository or beside it."""
    return len(git(root, "worktree", "list").splitlines()) == 1 and not (root / ".git" / "worktrees").exists()


def test_code_of_then_is_run_and_its_exit_code_is_the_answer(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = recorded(checkout)
    (checkout / "cnn_core" / "a.py").write_text("this is of today\n")
    committed(checkout)
    assert run(then, 1e-6) == 7
    where = "--outputs-dir\n/outputs\n--tracking-uri\nsqlite:////outputs/mlflow.db\n--tolerance\n1e-06"
    assert (tmp_path / "said").read_text() == f"0123456789ab\n{where}\nthis is\ncnn_core/a.py\n\n"
    assert is_as_before(checkout)
    assert capsys.readouterr().err == f"running code from the record: commit {str(then.source.commit)[:12]}\n"


def test_patch_is_applied_whatever_a_person_thinks_of_white_space(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "apply.whitespace", "error")
    (checkout / "cnn_core" / "a.py").write_text("at the end of this line are two  \n")
    assert run(recorded(checkout)) == 7
    assert "at the end of this line are two  \n" in (tmp_path / "said").read_text()


def test_password_of_the_server_is_on_no_command_line(checkout: Path, tmp_path: Path) -> None:
    assert run_at_commit(recorded(checkout), Path("/outputs"), "http://user:secret@127.0.0.1:9", None) == 7
    said = (tmp_path / "said").read_text()
    assert "--tracking-uri\nhttp://127.0.0.1:9\n" in said
    assert "secret" not in said


def test_patch_of_then_is_applied(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "cnn_core" / "a.py").write_text("this was changed\r\nwith spaces at its end  \n")
    (checkout / "experiments" / "new.py").write_text("new\n")
    then = recorded(checkout)
    git(checkout, "reset", "--quiet", "--hard")
    assert run(then) == 7
    assert "this was changed\nwith spaces at its end  \n" in (tmp_path / "said").read_text()
    assert capsys.readouterr().err.endswith(" and its patch of 2 files\n")
    assert (checkout / "cnn_core" / "a.py").read_text() == "this is\ncnn_core/a.py\n"
    assert is_as_before(checkout)


def test_todays_package_does_not_get_in_the_way(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    assert run(recorded(checkout)) == 7
    assert (tmp_path / "said").exists()


Change = Callable[[Original, Path], Original]


def source(**changes: object) -> Change:
    return lambda then, _: replace(then, source=replace(then.source, **changes))  # type: ignore[arg-type]


def without_repository(then: Original, root: Path) -> Original:
    (root / ".git").rename(root / "elsewhere")
    return then


def without_command(then: Original, root: Path) -> Original:
    (root / "experiments" / "rerun.py").unlink()
    return source(commit=committed(root))(then, root)


def patch(name: str) -> bytes:
    return (
        f"diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n".encode()
    )


LINK = b"diff --git a/conf/x b/conf/x\nnew file mode 120000\n--- /dev/null\n+++ b/conf/x\n@@ -0,0 +1 @@\n+/tmp\n"
LATER = patch("conf/x/y")  # through the link


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (source(commit=None), "no commit is recorded, so the code of then cannot be had"),
        (source(commit="0" * 40), "is not in this repository; git fetch may bring it"),
        (source(dirty=True), "its code had been changed, and the patch is not recorded or damaged"),
        (without_repository, "--at-commit needs a checkout that git answers for: "),
        (without_command, "has no rerun command yet"),
        (source(dirty=True, patch=b"nonsense"), "the recorded patch is none that git can read: "),
        (source(dirty=True, patch=patch("README.txt")), "would change 'README.txt', which is no code of a run's"),
        (source(dirty=True, patch=patch("conf/../../x")), "would change 'conf/../../x', which is no code"),
        (source(dirty=True, patch=patch("../x")), "would change '../x', which is no code of a run's"),
        (source(dirty=True, patch=patch("/tmp/x")), "would change '/tmp/x', which is no code of a run's"),
        (source(dirty=True, patch=patch("experiments/c.py")), "the recorded patch does not apply to its commit: "),
        (source(dirty=True, patch=LINK + LATER), "the recorded patch does not apply to its commit: "),
    ],
)
def test_code_that_cannot_be_had_is_answered_in_a_line(
    change: Change, message: str, checkout: Path, tmp_path: Path
) -> None:
    then = change(recorded(checkout), checkout)
    with pytest.raises(UserError) as caught:
        run(then)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "said").exists()
    if (checkout / ".git").exists():
        assert is_as_before(checkout)


WAITS = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: (Path({closed!r}).touch(), sys.exit(130)))
Path({begun!r}).touch()
time.sleep(60)
"""
PARENT = """
import sys
from dataclasses import replace
from pathlib import Path
from experiments.interruption import listening
from experiments.reruns import at_commit
from experiments.reruns.original import RecordedSource
from tests.runner.reruns.records import original
root, commit = sys.argv[1:]
at_commit.checkout = lambda: Path(root)
then = replace(original(), source=RecordedSource(commit, False, None))
with listening():
    sys.exit(at_commit.run_at_commit(then, Path("/outputs"), "uri", None))
"""


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(other, marks=pytest.mark.long) for other in (signal.SIGTERM, signal.SIGHUP))],
)
def test_interrupted_it_lets_the_run_be_closed_and_cleans_up(
    number: signal.Signals, checkout: Path, tmp_path: Path
) -> None:
    begun, closed = tmp_path / "begun", tmp_path / "closed"
    (checkout / "experiments" / "rerun.py").write_text(WAITS.format(begun=str(begun), closed=str(closed)))
    commit = committed(checkout)
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(checkout), commit], cwd=CHECKOUT)
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert closed.exists()
    assert is_as_before(checkout)
