"""The page, read by a parser as a browser would, and never as a string only."""

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments.comparison.comparison import compare
from experiments.comparison.page import as_html
from experiments.comparison.tracked_sweep import tracked_sweep
from experiments.runs.folder import RunFolder
from experiments.sweeps.folder import SweepFolder
from tests.runner.comparison.made import Made, grid, identity, made_sweep, track

LR, SIZE, SEED = "optimizer.lr", "data.batch_size", "seed"
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}


class Page(HTMLParser):
    """What a browser makes of the page: texts by element, and whatever it would load or follow."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self.best: list[list[str]] = []
        self._open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [(tag, value or "") for key, value in attrs if key in LOADING]
        assert not [key for key, _ in attrs if key.startswith("on")]
        if tag not in ("meta", "img"):
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
            if ("class", "best") in attrs:
                self.best.append(self.rows[-1])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def text(self, tag: str) -> str:
        return " ".join(" ".join(self.texts.get(tag, [])).split())


def page_of(folder: SweepFolder, pictures: dict[str, Path] | None = None) -> Page:
    return Page(as_html(compare(folder), pictures or {}))


def two_by_two(outputs: Path, validation: bool = False) -> SweepFolder:
    made = zip(grid({LR: ["0.1", "0.01"], SIZE: ["32", "128"]}), (0.5, 0.9, 0.7, 0.6), strict=True)
    return made_sweep(
        outputs,
        [Made(own, [accuracy], validation=[1 - accuracy] if validation else None) for own, accuracy in made],
    )


def test_headline_says_what_to_take(outputs: Path) -> None:
    page = page_of(two_by_two(outputs))
    assert page.text("h1") == "Take lr = 0.1, batch size = 128"
    assert page.text("title") == "Take lr = 0.1, batch size = 128 · sweep 5eeb"
    assert "optimizer.lr=0.1 data.batch_size=128" in page.text("code")
    said = page.text("p")
    assert "90.00% test accuracy." in said
    assert "Runner-up: lr = 0.01, batch size = 32, 20.00 percentage points behind; with one seed each" in said
    assert "Chosen by test accuracy: there is no validation split (data.validation_fraction=0.1 makes one)." in said


def test_words_for_the_command_line_are_quoted_for_it(outputs: Path) -> None:
    page = page_of(made_sweep(outputs, [Made({"model.channels": value}, [0.5]) for value in ("[8,16]", "[8]")]))
    assert page.text("code") == "'model.channels=[8,16]'"


def test_choice_by_validation_names_the_accuracy_on_both(outputs: Path) -> None:
    page = page_of(two_by_two(outputs, validation=True))
    assert page.text("h1") == "Take lr = 0.1, batch size = 32"
    assert "50.00% validation accuracy, 50.00% on the test images." in page.text("p")
    assert "Chosen by validation accuracy." in page.text("p")


def seeds(outputs: Path, first: list[float], second: list[float]) -> Page:
    runs = [
        Made({LR: lr, SEED: str(seed)}, [accuracy])
        for lr, accuracies in (("1", first), ("2", second))
        for seed, accuracy in enumerate(accuracies)
    ]
    return page_of(made_sweep(outputs, runs))


def test_difference_is_weighed_against_that_between_seeds(outputs: Path) -> None:
    said = seeds(outputs / "far", [0.9, 0.92], [0.5, 0.52]).text("p")
    assert "91.00% ± 1.41 test accuracy (mean ± standard deviation over 2 seeds)." in said
    assert "Runner-up: lr = 2, 40.00 percentage points behind, more than seeds differ (± 1.41)." in said
    said = seeds(outputs / "near", [0.9, 0.92], [0.8, 1.0]).text("p")
    assert "Runner-up: lr = 2, 1.00 percentage points behind, less than seeds differ (± 14.14)." in said


def test_equals_are_said_to_be_equal(outputs: Path) -> None:
    assert "Runner-up: lr = 2, as good to two digits." in seeds(outputs, [0.3, 0.6], [0.6, 0.3]).text("p")


def test_better_setting_that_is_not_taken_is_named_with_the_reason(outputs: Path) -> None:
    runs = [Made({LR: "1", SEED: "0"}, [0.9]), Made({LR: "1", SEED: "1"}, [0.1], "diverged")]
    page = page_of(made_sweep(outputs, [*runs, *(Made({LR: "2", SEED: seed}, [0.5]) for seed in "01")]))
    assert page.text("h1") == "Take lr = 2"
    assert "lr = 1 reached 90.00%, but 1 of its runs diverged or were given up." in page.text("p")


def test_seeds_that_are_missing_are_counted(outputs: Path) -> None:
    runs = [Made({LR: lr, SEED: seed}, [0.5], "completed" if seed == "0" else "failed") for lr in "12" for seed in "01"]
    assert "test accuracy (from 1 of 2 seeds)." in page_of(made_sweep(outputs, runs)).text("p")


def test_table_has_a_line_a_setting_the_best_marked(outputs: Path) -> None:
    page = page_of(two_by_two(outputs))
    header, *lines = page.rows
    assert header[:3] == ["lr", "batch_size", "test"]
    assert [line[:3] for line in lines] == [
        ["0.1", "128", "90.00%"], ["0.01", "32", "70.00%"], ["0.01", "128", "60.00%"], ["0.1", "32", "50.00%"],
    ]  # fmt: skip
    assert [line[:2] for line in page.best] == [["0.1", "128"]]


def test_page_needs_nothing_from_outside(outputs: Path, tmp_path: Path) -> None:
    folder = two_by_two(outputs)
    track(folder)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG \xff")
    page = page_of(folder, {"a picture": picture})
    assert not {"link", "iframe", "object", "embed", "base"} & set(page.tags)
    ((_, link), (_, image)) = sorted(page.addresses)
    assert base64.b64decode(image.removeprefix("data:image/png;base64,")) == b"\x89PNG \xff"
    tracked = tracked_sweep(compare(folder))
    assert tracked is not None
    assert link == tracked.link
    assert link.startswith("http://127.0.0.1:5000/#/compare-runs?runs=[")
    assert "python -m experiments.ui --outputs-dir" in page.text("code")
    everything = as_html(compare(folder), {})
    assert "@import" not in everything
    assert "url(" not in everything
    assert everything.count("://") == 1 + everything.count("sqlite://")


def test_runs_on_a_server_need_no_server_of_their_own(outputs: Path) -> None:
    folder = two_by_two(outputs)
    track(folder, uri="https://example.org/mlflow")
    page = page_of(folder)
    ((_, link),) = page.addresses
    assert link.startswith("https://example.org/mlflow/#/compare-runs")
    assert "experiments.ui" not in page.text("code")


def test_untracked_sweep_has_no_link(outputs: Path) -> None:
    assert page_of(two_by_two(outputs)).addresses == []


EVIL = "<script>alert(1)</script>\"'&"


def test_nothing_a_run_brings_with_it_is_code(outputs: Path) -> None:
    runs = [
        Made({"model": EVIL, LR: "1"}, [0.5]),
        Made({"model": "b", LR: "1"}, [], "failed", failure=f"Error: {EVIL}"),
    ]
    page = page_of(made_sweep(outputs, runs))
    assert page.tags.count("script") == 1
    assert EVIL in page.text("h1")
    assert EVIL in [cell for row in page.rows for cell in row]
    assert f"Error: {EVIL}" in [cell for row in page.rows for cell in row]


def test_runs_that_came_to_nothing_are_listed_with_the_reason(outputs: Path) -> None:
    runs = [
        Made({LR: "1"}, [0.5]),
        Made({LR: "2"}, [0.1, 0.1], "diverged"),
        Made({LR: "3"}, [0.1], "stopped"),
        Made({LR: "4"}, [], "failed"),
    ]
    page = page_of(made_sweep(outputs, runs))
    assert [row for row in page.rows if row[0].startswith("lr=")] == [
        ["lr=2", "diverged", "2 epochs", "", identity(1)],
        ["lr=3", "stopped", "1 epoch", "", identity(2)],
        ["lr=4", "failed", "0 epochs", "SomeError: it broke", identity(3)],
    ]
    assert "4 runs: 1 completed, 1 diverged, 1 stopped, 1 failed" in page.text("p")


def test_page_of_nothing_says_so(outputs: Path) -> None:
    page = page_of(made_sweep(outputs, [Made({LR: lr}, [], "unfinished") for lr in "12"]))
    assert page.text("h1") == "Nothing to take yet"
    assert page.best == []
    assert "hosen by" not in page.text("p")


@pytest.mark.parametrize(
    ("overrides", "headline"), [([{}], "One run"), ([{SEED: "0"}, {SEED: "1"}], "2 seeds of one setting")]
)
def test_where_nothing_is_to_be_chosen_nothing_is_advised(
    overrides: list[dict[str, str]], headline: str, outputs: Path
) -> None:
    page = page_of(made_sweep(outputs, [Made(own, [0.5]) for own in overrides]))
    assert page.text("h1") == headline
    assert "Take" not in page.text("h1")
    assert page.best == []


def test_what_all_runs_share_is_said_at_the_top(outputs: Path) -> None:
    folder = made_sweep(outputs, [Made({"model": name}, [0.5]) for name in ("a", "b")])
    RunFolder(outputs, identity(0)).config.write_text(
        "data: {name: digits}\nmodel: {name: a}\noptimizer: {name: adam}\ntrainer: {epochs: 3}\n"
    )
    assert page_of(folder).text("p").startswith("Sweep 5eeb · digits · adam · 3 epochs · 2 runs: 2 completed")
