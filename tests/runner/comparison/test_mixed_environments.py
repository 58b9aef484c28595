"""A sweep whose runs were computed in different environments says so, and which runs they are."""

from pathlib import Path
from typing import Any

import pytest

from experiments.comparison.comparison import Comparison, compare
from experiments.comparison.mixed_environments import mixed_environments
from experiments.comparison.mlflow_description import description
from experiments.comparison.page import as_html
from experiments.comparison.table import table_content
from experiments.comparison.terminal_table import notes
from tests.runner.comparison.made import Made, identity, made_sweep

LR, SEED = "optimizer.lr", "seed"


def environment(
    numpy: str = "2.4.6", architecture: str = "SkylakeX", simd: str = "SSE AVX2", **others: Any
) -> dict[str, Any]:
    blas = {"library": "openblas", "version": "0.3.31", "architecture": architecture, "threads": 1}
    return {"numpy": numpy, "blas": blas, "simd": simd, **others}


def compared(outputs: Path, *environments: dict[str, Any] | None) -> Comparison:
    """Learning rates 0, 1, …, the first the best, computed so."""
    runs = [Made({LR: str(number)}, [0.9 - number / 100], environment=own) for number, own in enumerate(environments)]
    return compare(made_sweep(outputs, runs))


def remark(comparison: Comparison) -> str:
    return mixed_environments(comparison.runs).remark


@pytest.mark.parametrize(
    "other",
    [
        environment(),
        None,
        {},
        {"numpy": 3, "blas": "openblas", "simd": None, "until epoch 1": 7, "until epoch x": {}},
        environment(threads=9, cpu={"cores": 1}, packages={"mlflow": "1.0"}, python="CPython 3.0"),
    ],
    ids=["the same", "not recorded", "empty", "damaged", "otherwise in what decides nothing"],
)
def test_runs_that_were_computed_alike_or_nobody_knows_how_need_no_remark(
    other: dict[str, Any] | None, outputs: Path
) -> None:
    found = mixed_environments(compared(outputs, environment(), other, environment()).runs)
    assert (found.remark, found.marked) == ("", frozenset())


def test_sweep_without_any_record_needs_no_remark(outputs: Path) -> None:
    assert remark(compared(outputs, None, None)) == ""


def test_remark_names_what_differs_and_which_runs(outputs: Path) -> None:
    haswell = environment(architecture="Haswell")
    comparison = compared(outputs, environment(), haswell, environment(), haswell, environment(), environment("2.2.1"))
    assert mixed_environments(comparison.runs).marked == {identity(1), identity(3), identity(5)}
    assert remark(comparison) == (
        "† not everything was computed alike: lr=1, lr=3 with blas.architecture Haswell; lr=5 with numpy 2.2.1; "
        "the others with numpy 2.4.6, blas.architecture SkylakeX"
    )


def test_of_equally_many_the_best_runs_are_not_marked(outputs: Path) -> None:
    assert "lr=1 with numpy 2.2.1;" in remark(compared(outputs, environment(), environment("2.2.1")))


def test_of_many_runs_the_first_are_named(outputs: Path) -> None:
    odd = [environment("2.2.1")] * 6
    assert "lr=7, lr=8, lr=9, lr=10 and 2 more with numpy 2.2.1" in remark(
        compared(outputs, *[environment()] * 7, *odd)
    )


def test_vector_instructions_are_told_as_a_difference(outputs: Path) -> None:
    narrow, wide = environment(simd="SSE AVX2"), environment(simd="SSE AVX2 AVX512F AVX512CD AVX512_SKX")
    assert remark(compared(outputs, wide, narrow, wide)) == (
        "† not everything was computed alike: lr=1 with simd without AVX512F AVX512CD and 1 more"
    )


def test_run_that_was_continued_elsewhere_is_marked(outputs: Path) -> None:
    continued = {**environment(), "until epoch 3": {"blas.architecture": "Haswell", "cpu.model": "old"}}
    assert remark(compared(outputs, environment(), continued)) == (
        "† not everything was computed alike: lr=1 with blas.architecture Haswell until epoch 3; "
        "the others with blas.architecture SkylakeX"
    )


def test_earlier_epochs_have_what_changed_later_too(outputs: Path) -> None:
    continued = {
        **environment(),
        "until epoch 2": {"blas.architecture": "Haswell"},
        "until epoch 4": {"numpy": "2.2.1"},
    }
    assert "lr=1 with numpy 2.2.1, blas.architecture Haswell until epoch 2, then numpy 2.2.1 until epoch 4;" in remark(
        compared(outputs, environment(), continued)
    )


def test_run_without_an_epoch_was_not_computed(outputs: Path) -> None:
    runs = [
        Made({LR: "1"}, [0.5], environment=environment()),
        Made({LR: "2"}, (), "failed", environment=environment("2.2.1")),
    ]
    assert remark(compare(made_sweep(outputs, runs))) == ""


def test_every_table_marks_the_runs_and_has_the_remark(outputs: Path) -> None:
    comparison = compared(outputs, environment(), environment("2.2.1"))
    assert [line.cells[0].text for line in table_content(comparison).lines] == ["0", "1 †"]
    assert remark(comparison) in notes(comparison)
    assert remark(comparison) in as_html(comparison, {})
    assert remark(comparison) in description(comparison)


def test_setting_is_marked_for_one_of_its_seeds(outputs: Path) -> None:
    runs = [
        Made({LR: lr, SEED: seed}, [0.5], environment=environment("2.2.1" if (lr, seed) == ("1", "1") else "2.4.6"))
        for lr in ("1", "2")
        for seed in ("0", "1")
    ]
    comparison = compare(made_sweep(outputs, runs))
    assert [line.cells[0].text for line in table_content(comparison).lines] == ["1 †", "2"]
    assert "lr=1 seed=1 with numpy 2.2.1" in remark(comparison)
