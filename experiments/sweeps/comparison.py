"""The runs of a sweep side by side, read from their folders: a table, a CSV file, a heat map."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from experiments.pictures.heat_map import draw_heat_map
from experiments.runs.folder import RunFolder, read_json, write_json, write_whole
from experiments.sweeps.grid import Cell

ACCURACY = "test/accuracy"
_COLUMNS = {
    "outcome": "outcome",
    "test/accuracy": "test",
    "best/test_accuracy": "best",
    "best/epoch": "in epoch",
    "train/accuracy": "train",
    "train/loss": "loss",
}


@dataclass(frozen=True)
class SweepFolder:
    """`<outputs_dir>/sweeps/<sweep id>/`: what a sweep consists of, and the comparison of its runs."""

    outputs_dir: Path
    sweep_id: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.outputs_dir / "sweeps" / self.sweep_id

    @property
    def plan(self) -> Path:
        """The runs, in order: identity, name, overrides."""
        return self.path / "sweep.json"

    @property
    def tracked(self) -> Path:
        """Which MLflow runs show this sweep."""
        return self.path / "tracked.json"

    @property
    def table(self) -> Path:
        """The comparison as CSV."""
        return self.path / "comparison.csv"

    @property
    def heat_map(self) -> Path:
        """The accuracy over the two settings that vary."""
        return self.path / "heat_map.png"

    def write_plan(self, cells: Sequence[Cell]) -> None:
        """Say which runs the sweep consists of, before the first begins."""
        self.path.mkdir(parents=True, exist_ok=True)
        runs = [{"identity": cell.identity, "name": cell.name, "overrides": cell.overrides} for cell in cells]
        write_json(self.plan, {"sweep.id": self.sweep_id, "runs": runs})


def compare(folder: SweepFolder) -> pd.DataFrame:
    """One row a run, sorted by test accuracy, the best first: what varies, the outcome, the final metrics.

    Raises:
        FileNotFoundError: there is no such sweep.
    """
    plan = read_json(folder.plan)
    if plan is None:
        raise FileNotFoundError(folder.plan)
    rows = [_row(run, RunFolder(folder.outputs_dir, run["identity"])) for run in plan["runs"]]
    frame = pd.DataFrame(rows)
    if ACCURACY not in frame:
        frame[ACCURACY] = float("nan")
    return frame.sort_values(ACCURACY, ascending=False, na_position="last", kind="stable", ignore_index=True)


def write_comparison(folder: SweepFolder, frame: pd.DataFrame) -> list[Path]:
    """Write the table as CSV and, where exactly two settings vary, a heat map; return what was written."""
    write_whole(folder.table, frame.to_csv(index=False))
    written = [folder.table]
    varying = settings(folder)
    if len(varying) == 2:
        columns, index = sorted(varying, key=lambda key: key.endswith(".lr"))
        grid = frame.pivot(index=index, columns=columns, values=ACCURACY)
        draw_heat_map(grid, f"test accuracy, sweep {folder.sweep_id}", folder.heat_map)
        written.append(folder.heat_map)
    return written


def settings(folder: SweepFolder) -> list[str]:
    """The keys that vary in the sweep."""
    plan: dict[str, Any] = read_json(folder.plan) or {"runs": [{"overrides": {}}]}
    return list(plan["runs"][0]["overrides"])


def table(folder: SweepFolder, frame: pd.DataFrame) -> Table:
    """The comparison for the terminal; the best run stands first and bold."""
    varying = settings(folder)
    shown = Table(title=f"sweep {folder.sweep_id}, by test accuracy", title_justify="left")
    for key in varying:
        shown.add_column(key.rpartition(".")[2], justify="right")
    columns = {key: title for key, title in _COLUMNS.items() if key in frame}
    for title in columns.values():
        shown.add_column(title, justify="right")
    shown.add_column("run")
    for number, row in frame.iterrows():
        cells = [f"{row[key]}" for key in varying] + [_shown(key, row[key]) for key in columns] + [row["identity"]]
        shown.add_row(*cells, style="bold" if number == 0 and pd.notna(row[ACCURACY]) else "")
    return shown


def latest(outputs_dir: Path) -> str | None:
    """The id of the sweep that was last begun, or None."""
    plans = sorted((outputs_dir / "sweeps").glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    return plans[-1].parent.name if plans else None


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


def _shown(key: str, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if pd.isna(value):
        return "–"
    if key.endswith("accuracy"):
        return f"{value:.2%}"
    return f"{value:.0f}" if key == "best/epoch" else f"{value:.4f}"
