"""The runs of a sweep side by side, read from their folders: a table, a CSV file, a heat map."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.files import write_whole
from experiments.pictures.heat_map import draw_heat_map
from experiments.runs.folder import RunFolder
from experiments.sweeps.folder import SweepFolder
from experiments.sweeps.grid import shortest

ACCURACY = "test/accuracy"
_METRICS = {
    "test/accuracy": "test",
    "best/test_accuracy": "best",
    "best/epoch": "epoch",
    "train/accuracy": "train",
    "train/loss": "loss",
}


def compare(folder: SweepFolder) -> pd.DataFrame:
    """One row a run: what varies, the outcome, the final metrics.

    Sorted by test accuracy, the best first; behind the completed runs those that came to nothing, whatever accuracy
    they had on the way.
    """
    rows = [_row(run, RunFolder(folder.outputs_dir, run["identity"])) for run in folder.runs()]
    frame = pd.DataFrame(rows)
    if ACCURACY not in frame:
        frame[ACCURACY] = float("nan")
    frame["_rank"] = frame[ACCURACY].where(frame["outcome"] == "completed")
    frame = frame.sort_values(["_rank", ACCURACY], ascending=False, kind="stable", ignore_index=True)
    return frame.drop(columns="_rank")


def write_comparison(folder: SweepFolder, frame: pd.DataFrame) -> list[Path]:
    """Write the table as CSV and, where exactly two settings vary, a heat map; return what was written."""
    write_whole(folder.table, frame.to_csv(index=False))
    written = [folder.table]
    varying = folder.varying()
    if len(varying) == 2:
        columns, index = sorted(varying, key=lambda key: key.endswith(".lr"))
        completed = frame.assign(**{ACCURACY: frame[ACCURACY].where(frame["outcome"] == "completed")})
        grid = completed.pivot(index=index, columns=columns, values=ACCURACY)
        draw_heat_map(grid, f"test accuracy, sweep {folder.sweep_id}", folder.heat_map)
        written.append(folder.heat_map)
    return written


def table(folder: SweepFolder, frame: pd.DataFrame) -> Table:
    """The comparison for the terminal; the best run stands first and bold."""
    varying = folder.varying()
    metrics = [key for key in _METRICS if key in frame]
    shown = Table(title=f"sweep {folder.sweep_id}, by test accuracy", title_justify="left", box=SIMPLE_HEAD)
    for title in [key.rpartition(".")[2] for key in varying] + [_METRICS[key] for key in metrics]:
        shown.add_column(title, justify="right", no_wrap=True)
    last = ["identity"] if (frame["outcome"] == "completed").all() else ["outcome", "identity"]
    for key in last:
        shown.add_column({"identity": "run"}.get(key, key), no_wrap=True)
    for number, row in frame.iterrows():
        cells = [shortest(f"{row[key]}") for key in varying] + [_shown(key, row[key]) for key in metrics]
        is_best = number == 0 and row["outcome"] == "completed"
        shown.add_row(*cells, *row[last], style="bold green" if is_best else "")
    return shown


def _row(run: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    summary = folder.summary()
    if summary is None:
        outcome, final = ("failed" if folder.failure.exists() else "unfinished"), {}
    else:
        outcome, final = summary["outcome"], summary["final"]
    varying = {key: _number(value) for key, value in run["overrides"].items()}
    return {"identity": run["identity"], "name": run["name"], **varying, "outcome": outcome, **final}


def _number(value: str) -> object:
    """A number where the text is one, so that 16 sorts before 128."""
    try:
        number = json.loads(value)
    except ValueError:
        return value
    return number if isinstance(number, int | float) else value


def _shown(key: str, value: float) -> str:
    if pd.isna(value):
        return "–"
    if key.endswith("accuracy"):
        return f"{value:.2%}"
    return f"{value:.0f}" if key == "best/epoch" else f"{value:.4f}"
