"""A typed configuration from a record: the one that was recorded, or a line that says why not."""

from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.config.recorded import Recorded, recorded_config
from experiments.config.schema import Config, JoblibConfig
from experiments.config.validation import ConfigError
from experiments.runs.identity import decides, identity
from experiments.untrusted import RefusedError
from tests.runner.composed import composed_config
from tests.runner.configs import (
    adam,
    adamw,
    cnn_bn,
    cosine,
    lenet5,
    one_cycle,
    residual_net,
    rmsprop,
    shifts,
    small_config,
    step,
)

OUTPUTS, URI = Path("/elsewhere"), "http://127.0.0.1:5000"


def read(record: Any) -> Recorded:
    return recorded_config(yaml.safe_dump(record, sort_keys=False).encode(), "place", outputs_dir=OUTPUTS, uri=URI)


def record(config: Config) -> dict[str, Any]:
    return asdict(config)


def changed(key: str, value: Any) -> dict[str, Any]:
    """A record with this value at this dotted key."""
    tree = record(small_config(Path("/then")))
    section, _, last = key.rpartition(".")
    (tree.setdefault(section, {}) if section else tree)[last] = value
    return tree


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": lenet5(), "data__height": 28, "data__width": 28},
        {"model": cnn_bn()},
        {"model": residual_net()},
        {"optimizer": adam()},
        {"optimizer": adamw(clip_norm=1.0)},
        {"optimizer": rmsprop(eps=1e-300)},
        {"schedule": cosine()},
        {"schedule": one_cycle()},
        {"schedule": step()},
        {"augmentation": shifts()},
        {"optimizer__lr": 1e-5, "seed": 2**70, "trainer__dtype": "float64"},
    ],
)
def test_recorded_configuration_comes_back_with_its_identity(changes: dict[str, Any]) -> None:
    then = small_config(Path("/then"), **changes)
    found = read(record(then))
    assert identity(found.config) == identity(then)
    assert found.config == replace(
        then, outputs_dir=str(OUTPUTS), tracking=replace(then.tracking, uri=URI), sweep=found.config.sweep
    )
    assert not [key for key in found.filled_in if decides(key)]


@pytest.mark.parametrize("choice", ["data=mnist_5k", "data=mnist", "data=digits", "experiment=fashion"])
def test_configurations_that_hydra_composes_come_back(choice: str) -> None:
    then = composed_config(choice)
    assert identity(read(record(then)).config) == identity(then)


def test_what_decides_nothing_is_todays() -> None:
    changes = {"launcher": JoblibConfig("joblib", 4), "sweep__halving": True, "force": True, "dry_run": True}
    then = small_config(Path("/then"), **changes)
    found = read(record(then)).config
    assert found == replace(
        small_config(Path("/then")), outputs_dir=str(OUTPUTS), tracking=replace(then.tracking, uri=URI)
    )


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("trainer.label_smoothing", 0.0),
        ("optimizer.clip_norm", None),
        ("seed", 0),
        ("schedule", {"name": "constant", "warmup_epochs": 0.0}),
        ("augmentation", {"name": "none"}),
    ],
)
def test_key_that_an_older_record_lacks_is_filled_in_and_said(key: str, default: Any) -> None:
    tree = record(small_config(Path("/then")))
    section, _, last = key.rpartition(".")
    del (tree[section] if section else tree)[last]
    found = read(tree)
    assert {name: value for name, value in found.filled_in.items() if decides(name)} == (
        {f"{key}.{name}": value for name, value in default.items()} if isinstance(default, dict) else {key: default}
    )
    assert found.config == read(record(small_config(Path("/then")))).config


def test_default_of_a_key_is_that_of_the_recorded_choice() -> None:
    tree = record(small_config(Path("/then"), optimizer=adam()))
    del tree["optimizer"]["eps"]
    assert read(tree).filled_in["optimizer.eps"] == 1e-8


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("_target_", "os.system"),
        ("optimizer._target_", "os.system"),
        ("launcher._target_", "os.system"),
        ("sweep._target_", "os.system"),
        ("optimizer.momentun", 0.9),
        ("trainers", {"epochs": 1}),
        ("optimizer.beta1", 0.9),  # of another choice
        ("model.name", "vision_transformer"),
    ],
)
def test_what_this_version_does_not_know_is_refused_with_a_way_out(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read(changed(key, value))
    assert str(caught.value).startswith(f"place: {key}")
    assert str(caught.value).endswith("; --at-commit runs the code of then")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer.lr", "0.1"),
        ("optimizer.lr", "???"),
        ("optimizer.lr", True),
        ("optimizer.lr", {}),
        ("optimizer.lr", 2**60),
        ("optimizer.nesterov", 1),
        ("trainer.epochs", 1.5),
        ("model.channels", [{"a": 1}]),
        ("model.channels", {}),
        ("model.channels", 8),
        ("data.root", None),
        ("seed", True),
    ],
)
def test_value_of_another_type_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^place: {key}=.*: is of the wrong type$"):
        read(changed(key, value))


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "a ${seed}"])
def test_nothing_in_a_record_is_resolved(text: str) -> None:
    for tree in (
        changed("optimizer.lr", text),
        changed("sweep.zip", [[text]]),
        changed(text, 1),
        changed("data.root", text),
    ):
        with pytest.raises(ConfigError, match=r"^place: .*: a record has values, and nothing that is to be resolved$"):
            read(tree)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "seed: !!python/name:os.system",
        "seed: &a [*a]",
        "seed: " + "[" * 1000,
        "seed: 0\nseed: 1",
        "seed: \xff",
        "seed: " + "9" * 500,
    ],
)
def test_what_is_no_plain_data_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(RefusedError, match=r"^place: .*$"):
        recorded_config(text.encode("latin-1"), "place", outputs_dir=OUTPUTS, uri=URI)


@pytest.mark.parametrize(("key", "value"), [("trainer.epochs", 0), ("optimizer.lr", float("nan"))])
def test_value_that_cannot_be_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        read(changed(key, value))


@pytest.mark.parametrize("section", ["model", "trainer"])
@pytest.mark.parametrize("value", [None, 3, [], {"name": ["simple_cnn"]}, {"_target_": 2}])
def test_section_of_another_kind_is_refused(section: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^place: {section}"):
        read(changed(section, value))


def test_nothing_of_a_record_is_changed_by_another() -> None:
    first = read(record(small_config(Path("/then")))).config
    kept = deepcopy(first)
    read(changed("model.channels", [64])).config.model.name = "changed"
    assert first == kept
