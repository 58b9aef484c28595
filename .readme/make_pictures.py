"""Makes the README's pictures from a real run and a real sweep: `python .readme/make_pictures.py`.

The terminal pictures show what the commands printed, word for word; only paths are shortened.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
TRAIN = [sys.executable, "-m", "experiments.train"]
SWEEP = ["-m", "optimizer.lr=0.01,0.03,0.1", "data.batch_size=32,64,128"]


def main() -> None:
    """Run, sweep, and put what they drew and printed beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder) / "outputs"
        _draw_terminal("run", [], _printed([f"outputs_dir={outputs}"], outputs))
        shutil.copy(next(outputs.glob("runs/*/learning_curve.png")), HERE / "learning_curve.png")
        _draw_terminal("sweep", SWEEP, _printed([*SWEEP, f"outputs_dir={outputs}"], outputs, last=16))
        shutil.copy(next(outputs.glob("sweeps/*/heat_map.png")), HERE / "heat_map.png")


def _printed(words: list[str], outputs: Path, last: int | None = None) -> list[str]:
    """What a command prints, its last lines if so many are asked for."""
    done = subprocess.run(
        [*TRAIN, *words], cwd=HERE.parent, env=os.environ | {"PYTHONWARNINGS": "ignore"}, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines = [line.replace(f" --outputs-dir {outputs}", "").replace(str(outputs), "outputs").rstrip() for line in
             done.stdout.splitlines()]  # fmt: skip
    return lines[-last:] if last else lines


def _draw_terminal(name: str, words: list[str], lines: list[str]) -> None:
    command = " ".join(["$ python -m experiments.train", *words])
    text = "\n".join([command, *lines])
    figure = Figure(figsize=(9.6, 0.21 * (len(lines) + 2)), facecolor="#0d1117")
    figure.text(0.015, 0.97, text, family="monospace", size=9.5, color="#e6edf3", va="top", linespacing=1.35)
    figure.savefig(HERE / f"{name}.png", dpi=130)


if __name__ == "__main__":
    main()
