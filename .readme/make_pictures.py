"""Makes the README's pictures from a real run and a real sweep: `python .readme/make_pictures.py`.

The terminal pictures show what the commands printed on a terminal, word for word; only paths are shortened. Besides the
project this needs `pip install pyte`, which reads what a terminal is sent, and Debian's chromium, which shows the page.
"""

import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
from fcntl import ioctl
from itertools import groupby
from pathlib import Path
from re import finditer
from termios import TIOCSWINSZ

import pyte
from matplotlib.figure import Figure
from pyte.screens import Char

HERE = Path(__file__).resolve().parent
TRAIN = [sys.executable, "-m", "experiments.train"]
SWEEP = ["sweep=lr_batch_size", "launcher=joblib"]
COLUMNS, ROWS = 112, 60
COLOURS = {"default": "#e6edf3", "red": "#ff7b72", "green": "#7ee787", "brown": "#d29922", "magenta": "#f92672"}
DPI = 130
CELL_WIDTH, CELL_HEIGHT, SIZE = 10 / DPI, 0.19, 9.6  # inches of a character, and its size in points

Line = list[Char]


def main() -> None:
    """Run, sweep, and put what they drew and printed beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder) / "outputs"
        _, screen = _terminal([f"outputs_dir={outputs}"], outputs, watch_for="epoch 3/")
        _draw_terminal("run", [], screen)
        shutil.copy(next(outputs.glob("runs/*/learning_curve.png")), HERE / "learning_curve.png")
        running, screen = _terminal([*SWEEP, f"outputs_dir={outputs}"], outputs, watch_for="[ 9/16]")
        _draw_terminal("sweep_running", SWEEP, running)
        _draw_terminal("sweep", SWEEP, _after(screen, "sweep "))
        sweep = next(outputs.glob("sweeps/*"))
        shutil.copy(sweep / "learning_curves.png", HERE / "learning_curves.png")
        _draw_page(sweep / "comparison.html", height=1340)


def _terminal(words: list[str], outputs: Path, watch_for: str) -> tuple[list[Line], list[Line]]:
    """Run a command on a terminal; return the screen a moment after this text appeared on it, and at the end."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "PYTHONWARNINGS": "ignore"}
        os.chdir(HERE.parent)
        os.execv(TRAIN[0], [*TRAIN, *words])
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    watched: list[Line] = []
    seen = 0  # readings since the text appeared
    while True:
        select.select([terminal], [], [])
        try:
            stream.feed(os.read(terminal, 65536))
        except OSError:  # the command has closed its side
            break
        seen += any(watch_for in line for line in screen.display)
        if seen == 12:
            watched = _lines(screen, outputs)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("\n".join(screen.display))
    return watched, _lines(screen, outputs)


def _lines(screen: pyte.Screen, outputs: Path) -> list[Line]:
    """The screen's lines down to the last that is not empty."""
    lines = [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
    while lines and not _text(lines[-1]).strip():
        lines.pop()
    return [_shortened(line, outputs) for line in lines]


def _shortened(line: Line, outputs: Path) -> Line:
    """Write the temporary folder as the one that a user would have."""
    text = _text(line)
    for long, short in ((f" --outputs-dir {outputs}", ""), (str(outputs), "outputs")):
        while (start := text.find(long)) >= 0:
            line = [*line[:start], *(line[start]._replace(data=letter) for letter in short), *line[start + len(long) :]]
            text = _text(line)
    return line


def _after(lines: list[Line], beginning: str) -> list[Line]:
    """The lines from the last table's title on."""
    starts = [
        number for number, line in enumerate(lines) if _text(line).startswith(beginning) and "chosen" in _text(line)
    ]
    return lines[starts[-1] :]


def _text(line: Line) -> str:
    return "".join(cell.data for cell in line)


def _draw_terminal(name: str, words: list[str], lines: list[Line]) -> None:
    """Draw lines as a terminal shows them, below the command that printed them."""
    width, height = (COLUMNS + 2) * CELL_WIDTH, (len(lines) + 2.4) * CELL_HEIGHT
    figure = Figure(figsize=(width, height), facecolor="#0d1117")

    def write(row: int, column: int, text: str, colour: str, weight: str) -> None:
        x, y = (column + 1) * CELL_WIDTH / width, 1 - (row + 0.7) * CELL_HEIGHT / height
        figure.text(x, y, text, family="monospace", size=SIZE, color=colour, weight=weight, va="top")

    write(0, 0, " ".join(["$ python -m experiments.train", *words]), "#8b949e", "normal")
    for row, line in enumerate(lines, start=1):
        column = 0
        for (colour, bold), cells in groupby(line, key=lambda cell: (cell.fg, cell.bold)):
            text = "".join(cell.data for cell in cells)
            for part in finditer(r"\S+( \S+)*", text):  # placed one by one: bold letters are not as wide as others
                write(row, column + part.start(), part[0], _colour(colour), "bold" if bold else "normal")
            column += len(text)
    figure.savefig(HERE / f"{name}.png", dpi=DPI)


def _colour(name: str) -> str:
    """A terminal's colour by its name or its six digits."""
    return COLOURS.get(name, f"#{name}" if len(name) == 6 else COLOURS["default"])


def _draw_page(page: Path, height: int) -> None:
    """Show the upper part of a page in a browser."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size=1080,{height}"]
    command = ["chromium", *options, f"--screenshot={HERE / 'page.png'}", page.as_uri()]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
