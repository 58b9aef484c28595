"""The comparison as JSON: runs, settings, the best, and by what it was chosen."""

import json
import math
from typing import Any

from experiments.comparison.comparison import Comparison
from experiments.comparison.run import ComparedRun
from experiments.comparison.setting import Setting
from experiments.comparison.tracked import tracked_sweep


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
