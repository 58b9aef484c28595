"""The comparison on the terminal, read word by word."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from experiments.comparison.comparison import compare
from experiments.comparison.terminal_table import notes, table
from experiments.sweeps.folder import SweepFolder
from tests.runner.comparison.made import Made, grid, identity, made_sweep

LR, SIZE, SEED = "optimizer.lr", "data.batch_size", "seed"


def text(folder: SweepFolder, width: int = 200, *, colours: bool = False) -> str:
    comparison = compare(folder)
    console = Console(width=width, file=StringIO(), force_terminal=colours)
    with console.capture() as capture:
        console.print(table(comparison, width))
    return capture.get() + "\n".join(notes(comparison))


def shown(folder: SweepFolder) -> list[list[str]]:
    """The words, line by line."""
    return [line.split() for line in text(folder).splitlines() if line.strip(" ─")]


def square(outputs: Path) -> SweepFolder:
    made = zip(grid({LR: ["0.1", "0.01"], SIZE: ["32", "128"]}), (0.5, 0.9, 0.7, 0.6), strict=True)
    return made_sweep(outputs, [Made(overrides, [accuracy, accuracy]) for overrides, accuracy in made])


def test_what_varies_and_how_well_it_did(outputs: Path) -> None:
    rows = [line for line in shown(square(outputs)) if line[0] in ("lr", "*", "0.01", "0.1")]
    header, first, second, *_ = rows
    assert header == ["lr", "batch_size", "test", "best", "epoch", "train", "loss", "seconds", "run"]
    assert first == ["*", "0.1", "128", "90.00%", "90.00%", "1", "90.00%", "0.1000", "1.0", identity(1)]
    assert second[0] == "0.01"


def test_it_is_said_by_what_the_best_was_chosen(outputs: Path) -> None:
    shown = text(square(outputs))
    assert shown.splitlines()[0].rstrip().endswith(", chosen by test accuracy")
    assert "there is no validation split (data.validation_fraction=0.1 makes one)" in " ".join(shown.split())


def test_what_to_take_is_said_in_words(outputs: Path) -> None:
    printed = text(square(outputs)).splitlines()
    assert "Take lr = 0.1, batch size = 128: 90.00% test accuracy." in printed


def test_narrow_terminal_leaves_out_what_matters_least_and_cuts_nothing(outputs: Path) -> None:
    folder = square(outputs)
    for width in (80, 60, 40):
        printed = text(folder, width)
        assert "…" not in printed
        assert all(len(line) <= width for line in printed.splitlines() if "%" in line and "Take" not in line)
        (best,) = [line.split() for line in printed.splitlines() if line.split()[:1] == ["*"]]
        assert best[:4] == ["*", "0.1", "128", "90.00%"]
    assert "seconds" not in printed
    assert "loss" in text(folder, 120)


def test_best_is_bold_and_marked_and_nothing_else(outputs: Path) -> None:
    lines = text(square(outputs), colours=True).splitlines()
    assert [identity(1) in line for line in lines if "\x1b[1;32m" in line] == [True]
    assert sum("*" in line for line in lines) == 1


def test_settings_are_averaged_over_their_seeds(outputs: Path) -> None:
    accuracies = {"1": (0.5, 0.75, 1.0), "2": (0.25, 0.25, 0.25)}
    made = [Made(own, [accuracies[own[LR]][int(own[SEED])]]) for own in grid({LR: ["2", "1"], SEED: ["0", "1", "2"]})]
    made[0] = made[0]._replace(outcome="failed")
    lines = text(made_sweep(outputs, made)).splitlines()
    (best,) = [line.split() for line in lines if line.split()[:2] == ["*", "1"]]
    assert best[2:6] == ["3", "75.00%", "±", "25.00"]
    (other,) = [line.split() for line in lines if "1 failed" in line and "±" in line]
    assert other[:7] == ["2", "2", "of", "3", "25.00%", "±", "0.00"]
    assert "6 runs: 5 completed, 1 failed" in text(SweepFolder(outputs, "5eeb"))


def test_seeds_alone_are_listed_and_none_is_the_best(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({SEED: str(seed)}, [accuracy]) for seed, accuracy in enumerate((0.5, 0.7))])
    printed = text(folder)
    assert "*" not in printed
    assert all(identity(seed) in printed for seed in (0, 1))
    assert "mean ± standard deviation over 2 seeds: 60.00% ± 14.14" in printed


def test_outcomes_are_named_as_soon_as_one_is_not_completed(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({LR: "1"}, [0.2], "diverged"), Made({LR: "2"}, [0.5, 0.5])])
    lines = shown(folder)
    (header,) = [line for line in lines if line[0] == "lr"]
    assert header[-3:] == ["epochs", "outcome", "run"]
    assert ["*", "2", "50.00%", "50.00%", "1", "50.00%", "0.5000", "1.0", "2", "completed", identity(1)] in lines
    assert ["1", "20.00%", "20.00%", "1", "20.00%", "0.8000", "0.5", "1", "diverged", identity(0)] in lines


def test_failures_are_told_below(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({LR: str(place)}, [], "failed") for place in range(7)])
    printed = text(folder)
    assert f"lr=0 ({identity(0)}): SomeError: it broke" in printed
    assert printed.count("SomeError") == 5
    assert "and 2 more that failed" in printed


def test_words_of_a_run_are_no_markup(outputs: Path) -> None:
    folder = made_sweep(
        outputs, [Made({"model": "[bold]x[/nothing]"}, [0.5]), Made({"model": "b"}, [], "failed", failure="[/red]")]
    )
    assert "[bold]x[/nothing]" in text(folder)
    assert "[/red]" in text(folder)


def test_sweep_without_any_result_has_a_table_all_the_same(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({LR: lr}, [], "unfinished") for lr in ("1", "2")])
    printed = text(folder)
    assert printed.startswith("sweep 5eeb ")
    (line,) = [line.split() for line in printed.splitlines() if identity(0) in line]
    assert line == ["1", "–", "unfinished", identity(0)]
    assert "chosen" not in printed
    assert "2 runs: 2 unfinished" in printed


def test_nothing_is_cut_when_there_is_room(outputs: Path) -> None:
    made = [Made({"model.channels": f"[{'8,' * 200}{place}]"}, [0.5]) for place in range(2)]
    assert "…" not in text(made_sweep(outputs, made), width=10_000)
