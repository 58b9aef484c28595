"""What the commands besides `train` have in common."""

import errno
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import compare, rerun, sync, ui
from experiments.command_line import carried_out, complain, parser, tracking_uri, ui_command
from experiments.errors import UserError
from experiments.files import named, write_whole
from tests.runner.composed import CHECKOUT


def raising(error: BaseException) -> None:
    raise error


def test_success_is_zero() -> None:
    assert carried_out(lambda: None) == 0


def test_mistake_is_a_message_and_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert carried_out(lambda: raising(UserError("there is no [bold]such thing[/bold]"))) == 1
    assert capsys.readouterr() == ("", "there is no [bold]such thing[/bold]\n")


def test_interruption_is_one_hundred_and_thirty() -> None:
    assert carried_out(lambda: raising(KeyboardInterrupt())) == 130


def test_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        carried_out(lambda: raising(ZeroDivisionError()))


def test_complaint_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    assert complain("word " * 100, 3) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_outputs_are_those_of_the_checkout_unless_said_otherwise() -> None:
    chosen = parser("name", "does", "example").parse_args([])
    assert chosen.outputs_dir == CHECKOUT / "outputs"
    assert tracking_uri(chosen) == f"sqlite:///{CHECKOUT}/outputs/mlflow.db"


def test_outputs_and_store_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = parser("name", "does", "example").parse_args(["--outputs-dir", "here"])
    assert chosen.outputs_dir == tmp_path / "here"
    assert tracking_uri(chosen) == f"sqlite:///{tmp_path}/here/mlflow.db"
    chosen = parser("name", "does", "example").parse_args(["--tracking-uri", "sqlite:///my.db"])
    assert tracking_uri(chosen) == f"sqlite:///{tmp_path}/my.db"


@pytest.mark.parametrize(
    ("words", "expected", "is_said"),
    [
        ([], "http://user:secret@host:5000", True),
        ([], "", False),
        ([], "sqlite:///{}/outputs/../outputs/mlflow.db", False),
        (["--tracking-uri", "http://other"], "http://host:5000", False),
    ],
)
def test_store_is_named_where_mlflows_own_variable_names_another(
    words: list[str],
    expected: str,
    is_said: bool,
    outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", expected.format(outputs.parent))
    tracking_uri(parser("name", "does", "example").parse_args(["--outputs-dir", str(outputs), *words]))
    ignored = f"MLFLOW_TRACKING_URI is ignored, sqlite:///{outputs}/mlflow.db is used"
    line = f"{ignored}; --tracking-uri $MLFLOW_TRACKING_URI chooses the other\n"
    assert capsys.readouterr() == ("", line if is_said else "")


@pytest.mark.parametrize("command", [sync.main, compare.main, ui.main, lambda words: rerun.main([*words, "3f9a"])])
def test_outputs_folder_that_is_not_there_is_named_and_not_made(
    command: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["--outputs-dir", f"{tmp_path}/typo"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{tmp_path}/typo" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("folder", "said"), [("p%41", "must not have '%41' in it"), ("a?", "must not have a '?' in it")]
)
def test_folder_that_would_be_another_in_the_store_address_is_refused(
    folder: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parser("name", "does", "example").parse_args(["--outputs-dir", str(tmp_path / folder)])
    assert end.value.code == 2
    assert f"argument --outputs-dir: {tmp_path}/{folder}: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["ftp://x", "nonsense", "./mlruns", "http://[::1", ""])
def test_address_of_no_store_is_refused(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser("name", "does", "example").parse_args(["--tracking-uri", uri])
    assert end.value.code == 2
    said = f"argument --tracking-uri: {uri}: must be a tracking server or a database, as http://host:5000 or "
    assert said in capsys.readouterr().err


def test_command_that_is_shown_can_be_pasted_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "my runs; it's mine"
    words = shlex.split(ui_command(folder, "http://localhost:5000/?a=1&b=2"))
    chosen = parser("ui", "does", "example").parse_args(words[3:])
    assert (chosen.outputs_dir, chosen.tracking_uri) == (folder, "http://localhost:5000/?a=1&b=2")


def test_help_ends_with_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser("name", "does this", "python -m experiments.name 3").parse_args(["--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert "does this" in out
    assert out.rstrip().endswith("example: python -m experiments.name 3")


def test_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert carried_out((tmp_path / "file" / "folder").mkdir) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"{tmp_path}/file/folder: Not a directory; move away ")
    assert "outputs_dir" in err
    assert len(err.splitlines()) == 1


def test_what_is_in_the_place_of_a_file_is_named_and_not_the_draft(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").mkdir()
    assert carried_out(lambda: write_whole(tmp_path / "config.yaml", "")) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path}/config.yaml: Is a directory; move away what is in its place")


def test_full_disk_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert carried_out(lambda: raising(OSError(errno.ENOSPC, "No space left on device"))) == 1
    err = capsys.readouterr().err
    assert err == "outputs_dir: No space left on device; when there is room, the same command goes on\n"


def test_full_disk_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        with named(tmp_path):
            raising(OSError(errno.ENOSPC, "No space left on device"))

    assert carried_out(command) == 1
    err = capsys.readouterr().err
    assert err == f"{tmp_path}: No space left on device; when there is room, the same command goes on\n"


@pytest.mark.parametrize(
    ("error", "wanted"), [(MemoryError(), ""), (MemoryError("Unable to allocate 9 TiB"), " (Unable to allocate 9 TiB)")]
)
def test_too_little_memory_is_a_line(error: MemoryError, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert carried_out(lambda: raising(error)) == 1
    err = capsys.readouterr().err
    assert err == f"not enough memory{wanted}; make network, images or data.batch_size smaller\n"


def test_other_errors_are_not_said_to_be_of_the_folder(tmp_path: Path) -> None:
    for error in (OSError("out of memory"), OSError(errno.ENOENT, "not there", "its own")):
        with pytest.raises(OSError, match=r"out of memory|its own") as caught, named(tmp_path):
            raise error
        assert str(tmp_path) not in str(caught.value)


def test_error_of_the_system_without_a_file_is_not_hidden() -> None:
    with pytest.raises(OSError, match="out of memory"):
        carried_out(lambda: raising(OSError("out of memory")))
