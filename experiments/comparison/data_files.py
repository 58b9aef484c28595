"""The comparison for other programs: the runs as CSV; runs, settings, the best, and by what it was chosen as JSON."""

import csv
import json
import math
from io import StringIO
from typing import Any

from experiments.comparison.compared_run import ComparedRun
from experiments.comparison.comparison import Comparison
from experiments.comparison.setting import Setting
from experiments.comparison.tracked_sweep import tracked_sweep


def as_csv(comparison: Comparison) -> str:
    """A row a run, the best first, every number in full; what there is not is empty."""
    records = comparison.records()
    text = StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def as_json(comparison: Comparison) -> str:
    """Plain JSON: a number that is none, such as the loss of a run that diverged, is null."""
    best, tracked = comparison.best, tracked_sweep(comparison)
    content = {
        "sweep.id": comparison.folder.sweep_id,
        "selection": {"metric": comparison.selection.metric, "reason": str(comparison.selection)},
        "varying": comparison.levels,
        "best": None if best is None else _setting(best),
        "settings": [_setting(setting) for setting in comparison.settings],
        "runs": [_run(run) for run in comparison.runs],
        "mlflow": None if tracked is None else tracked.link,
    }
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _setting(setting: Setting) -> dict[str, Any]:
    metrics = dict.fromkeys(key for run in setting.completed for key in run.metrics)
    return {
        "values": setting.values,
        "seeds": len(setting.runs),
        "completed": len(setting.completed),
        "outcomes": setting.outcomes(),
        "metrics": {key: {"mean": setting.mean(key), "standard_deviation": setting.deviation(key)} for key in metrics},
        "runs": [run.identity for run in setting.runs],
    }


def _run(run: ComparedRun) -> dict[str, Any]:
    return {
        "identity": run.identity,
        "name": run.name,
        "values": run.values,
        "outcome": run.outcome,
        "epochs": run.epochs,
        "seconds": round(run.seconds, 3),
        "metrics": run.metrics,
        "error": run.error,
    }


def _plain(node: Any) -> Any:
    match node:
        case dict():
            return {key: _plain(value) for key, value in node.items()}
        case list() | tuple():
            return [_plain(value) for value in node]
        case float() if not math.isfinite(node):
            return None
        case _:
            return node
