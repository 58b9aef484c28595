"""A run's own log: whole, whatever the surroundings do with their logging, and gone from them afterwards."""

import logging
import os
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.runs.log_file import log_file

LOGGER = logging.getLogger("experiments.somewhere")


def test_what_the_project_logs_is_written_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("before\n")
    with log_file(path):
        LOGGER.info("first ü")
        LOGGER.warning("second")
    LOGGER.warning("third")
    before, first, second = path.read_text(encoding="utf-8").splitlines()
    assert before == "before"
    assert first.endswith(" INFO first ü")
    assert second.endswith(" WARNING second")


def test_what_others_log_is_not_written(tmp_path: Path) -> None:
    with log_file(tmp_path / "train.log"):
        logging.getLogger("mlflow").error("something else")
    assert (tmp_path / "train.log").read_text() == ""


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_quiet_surroundings_do_not_thin_the_log(level: int, tmp_path: Path) -> None:
    root = logging.getLogger()
    kept = root.level
    root.setLevel(level)
    try:
        with log_file(tmp_path / "train.log"):
            LOGGER.info("all the same")
        assert root.level == level
    finally:
        root.setLevel(kept)
    assert "INFO all the same" in (tmp_path / "train.log").read_text()


def test_surroundings_are_as_before_even_after_an_error(tmp_path: Path) -> None:
    logger = logging.getLogger("experiments")
    before = logger.handlers[:], logger.level
    with pytest.raises(RuntimeError), log_file(tmp_path / "train.log"):
        raise RuntimeError
    assert (logger.handlers, logger.level) == before


def test_full_disk_costs_lines_and_one_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.log"
    with log_file(path), Path("/dev/full").open("w", encoding="utf-8") as full:
        handler = logging.getLogger("experiments").handlers[-1]
        assert isinstance(handler, logging.FileHandler)
        assert handler.stream is not None
        os.dup2(full.fileno(), handler.stream.fileno())
        LOGGER.info("first")
        LOGGER.info("second")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"{path}: No space left on device; lines of the log are lost\n")
    assert "Traceback" not in err
    assert err.count("lines of the log are lost") == 1


def test_fault_in_what_is_logged_is_not_hidden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("experiments", logging.INFO, "", 0, "%d", ("no number",), None)
    with log_file(tmp_path / "train.log"):
        logging.getLogger("experiments").handlers[-1].handle(record)
    assert "TypeError" in capsys.readouterr().err


@pytest.mark.parametrize("instead", ["link", "link to nothing", "pipe", "folder", "device"])
def test_what_is_no_file_of_the_run_is_refused_in_a_line_and_nothing_is_written(instead: str, tmp_path: Path) -> None:
    path, other = tmp_path / "train.log", tmp_path / "other"
    match instead:
        case "link":
            other.write_text("somebody else's\n")
            path.symlink_to(other)
        case "link to nothing":
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/null")
    with pytest.raises(UserError) as caught, log_file(path):
        pytest.fail("it was opened")
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert not other.exists() or other.read_text() == "somebody else's\n"
