"""Records written by hand."""

from dataclasses import replace
from typing import Any

from experiments.comparison.run_record import RunRecord
from experiments.reruns.original import Original, RecordedSource

RECORD = RunRecord(
    identity="0123456789ab",
    run_id=None,
    config={"optimizer.lr": "0.1"},
    environment={"numpy": "2.4.6", "cpu.model": "Z80", "code.sha256": "c" * 64},
    facts={"outcome": "completed", "weights.sha256": "b" * 64, "data.sha256": "d" * 64},
    metrics={"train/loss": 0.5},
    history=[
        {"train/loss": 1.0, "test/loss": 1.25, "time/epoch_s": 1.0},
        {"train/loss": 0.5, "test/loss": 0.75, "time/epoch_s": 1.0},
    ],
    weights=["a" * 64, "b" * 64],
)


def other(**changes: Any) -> RunRecord:
    return replace(RECORD, **changes)


def original(record: RunRecord = RECORD, commit: str | None = "e" * 40, dirty: bool = False) -> Original:
    return Original(
        word=record.identity,
        mlflow_id=None,
        place="/then/runs/0123456789ab",
        config=b"",
        record=record,
        source=RecordedSource(commit, dirty, None),
    )
