"""A machine on which no further process can be started: runs are trained, and shown later."""

import sys
from pathlib import Path

import pytest

from experiments.runs.report import run_and_report
from tests.runner.configs import small_config


def test_run_is_trained_where_no_publisher_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    run_and_report(small_config(tmp_path))
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "finished.json").exists()
    assert [mark.name for mark in (tmp_path / "outbox").iterdir()] == [f"runs.{folder.name}"]
    (said,) = [line for line in caplog.messages if "no publisher can be started" in line]
    assert said.endswith("or python -m experiments.sync.")
