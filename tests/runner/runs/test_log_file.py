"""A run's own log: whole, whatever the surroundings do with their logging, and gone from them afterwards."""

import logging
from pathlib import Path

import pytest

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


def test_full_disk_costs_lines_and_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    with log_file(Path("/dev/full")):
        LOGGER.info("first")
        LOGGER.info("second")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("/dev/full: No space left on device; lines of the log are lost\n")
    assert "Traceback" not in err
    assert err.count("lines of the log are lost") == 1


def test_fault_in_what_is_logged_is_not_hidden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("experiments", logging.INFO, "", 0, "%d", ("no number",), None)
    with log_file(tmp_path / "train.log"):
        logging.getLogger("experiments").handlers[-1].handle(record)
    assert "TypeError" in capsys.readouterr().err
