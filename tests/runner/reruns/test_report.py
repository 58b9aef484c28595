"""What a person reads of a rerun, word for word."""

from dataclasses import replace

import pytest

from experiments.reruns import changes as changes_module
from experiments.reruns.changes import Change, changes
from experiments.reruns.report import change_lines, opening, verdict_lines
from experiments.reruns.verdict import judge
from experiments.runs.source import Source
from tests.runner.reruns.records import RECORD, original, other


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout whose code is known."""
    monkeypatch.setattr(changes_module, "code_digest", lambda: "c" * 64)
    monkeypatch.setattr(changes_module, "current_source", lambda: Source("e" * 40, dirty=False, patch=None))


def test_nothing_differs_in_four_lines() -> None:
    found = changes(original(), {}, RECORD.environment or {})
    assert change_lines(found).splitlines() == [
        "code         the same in all that decides a result; commit eeeeeeeeeeee",
        "data         the same",
        "config       the same",
        "environment  the same",
    ]
    assert not [change for change in found if change.differs]


def test_what_differs_is_said_then_and_now() -> None:
    environment = {"numpy": "2.5.0", "cpu.model": "Z80", "packages.numpy": "2.5.0", "code.sha256": "f" * 64}
    then = original(other(environment={**environment, "numpy": "2.4.6", "cpu.model": "6502"}), "a" * 40, dirty=True)
    found = changes(then, {"optimizer.clip_norm": None, "sweep.zip": [], "outputs_dir": "/now"}, environment)
    assert change_lines(found).splitlines() == [
        "code         differs, ffffffffffff then, cccccccccccc now; "
        "commit aaaaaaaaaaaa with changes then, eeeeeeeeeeee now",
        "             --at-commit runs the code of then",
        "data         the same",
        "config       the record lacks keys of this version; they are",
        "             optimizer.clip_norm  None",
        "environment  differs, then → now",
        "             numpy  2.4.6 → 2.5.0",
        "             cpu.model  6502 → Z80",
    ]


@pytest.mark.parametrize("patch", [None, b"diff"])
def test_code_of_then_is_not_offered_where_it_is_what_runs(
    patch: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = original(other(environment={"code.sha256": "f" * 64}))
    then = replace(then, source=replace(then.source, dirty=patch is not None, patch=patch))
    offered = "--at-commit runs the code of then"
    for now, lines in [(patch, ()), (b"another", (offered,))]:
        here = Source("e" * 40, dirty=now is not None, patch=now)
        monkeypatch.setattr(changes_module, "current_source", lambda here=here: here)
        assert changes(then, {}, {})[0].lines == lines


def test_environment_of_earlier_epochs_is_said_beside_todays() -> None:
    packages = {f"packages.p{number}": "1" for number in range(9)}
    earlier = {"until epoch 2.blas.architecture": "Haswell", "until epoch 2.numpy": "2.4.6"}
    then = original(other(environment={"numpy": "2.5.0", "blas.architecture": "Zen", **packages, **earlier}))
    now = {"numpy": "2.4.6", "blas.architecture": "Zen", **packages}
    (*_, environment) = changes(then, {}, now)
    assert environment.lines == ("until epoch 2.blas.architecture  Haswell → Zen", "numpy  2.5.0 → 2.4.6")
    (*_, environment) = changes(then, {}, {key: "2" for key in now})
    assert environment.lines[:2] == ("until epoch 2.blas.architecture  Haswell → 2", "until epoch 2.numpy  2.4.6 → 2")


def test_what_was_not_recorded_is_said() -> None:
    found = changes(original(other(environment=None, facts={}), commit=None), {}, {})
    assert change_lines(found).splitlines() == [
        "code         of then is not known; commit unknown then, eeeeeeeeeeee now",
        "data         of then is not known",
        "config       the same",
        "environment  of then is not known",
    ]


def test_machine_of_another_kind_does_not_fill_the_screen() -> None:
    packages = {f"packages.p{number}": "1" for number in range(50)}
    (*_, environment) = changes(original(other(environment=packages)), {}, {})
    assert len(environment.lines) == 9
    assert environment.lines[-1] == "and 42 more, see environment.json"


def test_opening_says_what_is_run_again_and_where_it_is_recorded() -> None:
    assert opening(original()).splitlines() == [
        "rerun of 0123456789ab: 2 epochs, completed",
        "record       /then/runs/0123456789ab",
    ]


def test_files_that_were_changed_since_are_named_first() -> None:
    said = opening(replace(original(), altered=("history.jsonl", "checkpoint.npz")))
    assert said.splitlines()[2] == "             changed since it finished: history.jsonl, checkpoint.npz"


def test_values_of_strangers_do_nothing_to_the_terminal() -> None:
    nasty = "\x1b[2J\n[red]"
    record = other(identity=nasty, facts={"outcome": nasty}, environment={nasty: nasty})
    said = opening(original(record)) + change_lines(changes(original(record), {}, {}))
    now = other(history=[{**row, nasty: 1.0} for row in RECORD.history])
    said += verdict_lines(judge(now, RECORD), [])
    assert "\x1b" not in said


def test_identical_is_said_of_bits_alone() -> None:
    assert verdict_lines(judge(RECORD, RECORD), []) == (
        "identical: 2 epochs, every metric and the weights after each, to the last bit"
    )
    assert verdict_lines(judge(other(weights=[]), RECORD), []) == (
        "identical: 2 epochs, every metric to the last bit, and what is recorded of the weights"
    )
    assert verdict_lines(judge(RECORD, other(history=[{**row, "val/loss": 1.0} for row in RECORD.history])), []) == (
        "identical: 2 epochs, every recorded metric and the weights after each, to the last bit\n"
        "not in the record, so not compared: val/loss"
    )
    near = other(history=[RECORD.history[0], {**RECORD.history[1], "test/loss": 0.7500001}])
    assert verdict_lines(judge(RECORD, near, 1e-3), []) == (
        "equal within 0.001: 2 epochs, every metric; largest difference 1e-07, relatively 1.33e-07 (test/loss, epoch 2)"
    )


def test_first_divergence_is_said_in_full_with_what_may_be_why() -> None:
    now = other(history=[RECORD.history[0], {**RECORD.history[1], "test/loss": 0.7500000000000001}])
    change = Change("environment", "differs, then → now", ("numpy  2.4.6 → 2.5.0",))
    same = Change("data", "the same", differs=False)
    assert verdict_lines(judge(RECORD, now), [same, change]).splitlines() == [
        "different from epoch 2 on: test/loss",
        "  then       0.75",
        "  now        0.7500000000000001",
        "  difference 1.11e-16, relatively 1.48e-16 (test/loss, epoch 2)",
        "what may be why",
        "  environment  differs, then → now",
        "               numpy  2.4.6 → 2.5.0",
    ]


def test_divergence_without_a_reason_puts_the_record_in_doubt() -> None:
    now = other(weights=["a" * 64, "f" * 64])
    assert verdict_lines(judge(RECORD, now), []).splitlines() == [
        "different from epoch 2 on: weights.sha256",
        f"  then       {'b' * 64}",
        f"  now        {'f' * 64}",
        "nothing that is recorded of code, data, configuration and environment differs: was the record changed?",
    ]
