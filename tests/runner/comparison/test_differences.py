"""What differs between runs, from records written by hand."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from experiments.comparison.differences import Section, difference_table, differences
from experiments.comparison.run_record import RunRecord

RUN = RunRecord(
    identity="0123456789ab",
    run_id=None,
    config={"optimizer.lr": "0.1", "seed": "0"},
    environment={"numpy": "2.4.6", "blas.threads": "1"},
    facts={"outcome": "completed", "weights.sha256": "a" * 64, "data.sha256": "d" * 64},
    metrics={"train/loss": 0.5, "test/accuracy": 0.9, "time/epoch_s": 1.5},
    history=[{"train/loss": 1.0, "time/epoch_s": 1.0}, {"train/loss": 0.5, "time/epoch_s": 1.5}],
    weights=["1" * 64, "a" * 64],
)


def other(**changes: Any) -> RunRecord:
    return replace(RUN, **{"identity": "ba9876543210", **changes})


def lines(*records: RunRecord) -> dict[str, dict[str, list[str]]]:
    """By section and key, the values."""
    sections = differences(records)
    return {section.title: {line.key: list(line.values) for line in section.lines} for section in sections}


def text(*records: RunRecord) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(difference_table(records, differences(records)))
    return [line.strip() for line in captured.get().splitlines()]


def test_equal_runs_have_nothing_to_show() -> None:
    assert lines(RUN, other()) == {"config": {}, "environment": {}, "result": {}, "speed": {}}
    assert [line.split() for line in text(RUN, other())[-5:-1]] == [
        [title, "the", "same"] for title in ("config", "environment", "result", "speed")
    ]


def test_only_what_differs_is_shown() -> None:
    shown = lines(RUN, other(config={"optimizer.lr": "0.2", "seed": "0"}, environment={"numpy": "2.5.0"}))
    assert shown["config"] == {"optimizer.lr": ["0.1", "0.2"]}
    assert shown["environment"] == {"numpy": ["2.4.6", "2.5.0"], "blas.threads": ["1", "–"]}
    assert shown["result"] == {}


def test_key_of_one_run_alone_is_shown() -> None:
    shown = lines(RUN, other(config={"optimizer.lr": "0.1", "seed": "0", "optimizer.beta1": "0.9"}))
    assert shown["config"] == {"optimizer.beta1": ["–", "0.9"]}


def test_more_than_two_runs_stand_side_by_side() -> None:
    third = other(identity="333333333333", config={"optimizer.lr": "0.3", "seed": "0"})
    assert lines(RUN, other(), third)["config"] == {"optimizer.lr": ["0.1", "0.1", "0.3"]}


def test_time_is_no_part_of_the_result() -> None:
    slow = {**RUN.metrics, "time/epoch_s": 3.0}
    history = [{**epoch, "time/epoch_s": 9.0} for epoch in RUN.history]
    shown = lines(RUN, other(metrics=slow, history=history))
    assert shown["result"] == {}
    assert shown["speed"] == {"time/epoch_s": ["1.5", "3"]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.6, ["0.5", "0.6"]),
        (0.500001, ["0.5", "0.500001"]),
        (0.5 + 2**-53, ["0.5", "0.50000000000000011"]),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(value: float, shown: list[str]) -> None:
    assert lines(RUN, other(metrics={**RUN.metrics, "train/loss": value}))["result"] == {"train/loss": shown}


def test_digests_are_shortened_but_not_to_the_same() -> None:
    facts = {**RUN.facts, "weights.sha256": "a" * 20 + "b" * 44, "data.sha256": "e" * 64}
    shown = lines(RUN, other(facts=facts))["result"]
    assert shown["weights.sha256"] == ["a" * 21, "a" * 20 + "b"]
    assert shown["data.sha256"] == ["d" * 12, "e" * 12]


def test_first_epoch_that_differs_is_named() -> None:
    history = [RUN.history[0], {"train/loss": 0.25}]
    assert lines(RUN, other(history=history))["result"] == {"from epoch 2 on, train/loss": ["0.5", "0.25"]}


def test_weights_differ_before_any_number_does() -> None:
    shown = lines(RUN, other(weights=["2" * 64, "a" * 64]))["result"]
    assert shown == {"from epoch 1 on, weights.sha256": ["1" * 12, "2" * 12]}


def test_weights_that_one_side_does_not_know_are_no_difference() -> None:
    assert lines(RUN, other(weights=[], run_id="0" * 32))["result"] == {}


def test_shorter_run_that_is_the_beginning_of_the_longer_is_said_to_be() -> None:
    shown = lines(RUN, other(history=RUN.history[:1], weights=RUN.weights[:1]))["result"]
    assert shown == {"epochs": ["2", "1"], "up to epoch 1": ["the same", "the same"]}


def test_run_without_epochs_diverges_nowhere() -> None:
    shown = lines(RUN, other(history=[], weights=[], metrics={}))["result"]
    assert shown["epochs"] == ["2", "0"]
    assert not [key for key in shown if key.startswith(("from", "up to"))]


def test_environment_that_was_not_recorded_is_no_difference() -> None:
    section = differences([RUN, other(environment=None)])[1]
    assert section == Section("environment", [], "not known of ba9876543210")


def test_columns_say_where_the_record_lies() -> None:
    first, second = text(RUN, other(run_id="f" * 32))[1:3]
    assert first.split() == ["0123456789ab", "ba9876543210"]
    assert second.split() == ["folder", "MLflow", "f" * 12]


def test_values_of_strangers_do_nothing_to_the_terminal() -> None:
    shown = "\n".join(text(RUN, other(config={"optimizer.lr": "[red]\x1b[2J\x07", "seed": "[/bold]"})))
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert r"[red]\x1b[2J\x07" in shown
    assert "[/bold]" in shown
