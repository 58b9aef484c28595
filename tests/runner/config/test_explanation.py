"""Errors of composition in a line or two; the command lines themselves are in `test_refusals`."""

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue

from experiments.config.explanation import explain, is_composition_error
from experiments.config.validation import ConfigError


def circle() -> ConfigKeyError:
    """What OmegaConf raises under a debugger: an error that is its own cause."""
    error = ConfigKeyError("Key 'lr' not in 'Config'")
    error.full_key = "lr"
    error.__cause__ = error
    return error


def test_circle_of_causes_comes_to_an_end() -> None:
    assert explain(circle(), ["lr=0.1"]) == "lr=0.1: there is no such key; did you mean optimizer.lr?"


def test_fault_of_a_value_is_found_behind_the_errors_it_caused() -> None:
    error = RuntimeError("in between")
    error.__cause__ = ConfigError("data.batch_size=0: must be at least 1")
    outer = ConfigKeyError("Error resolving interpolation")
    outer.__context__ = error
    assert explain(outer, []) == "data.batch_size=0: must be at least 1"


def test_value_that_is_needed_is_named() -> None:
    with pytest.raises(MissingMandatoryValue) as caught:
        OmegaConf.create({"data": {"root": "???"}}).data.root  # noqa: B018  # to read is to fail
    assert explain(caught.value, []) == "data.root: a value is needed here, but none is set"


def test_long_text_is_cut_to_two_lines() -> None:
    assert explain(ConfigKeyError("one\n\n  two\nthree"), []) == "one\ntwo"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConfigError("a value"), True),
        (ConfigKeyError("a key"), True),
        (ValueError("Config group override must be a string or a list. Got NoneType"), True),
        (ValueError("anything else"), False),
        (ZeroDivisionError("a fault of the program"), False),
    ],
)
def test_only_faults_of_a_command_line_are_explained(error: Exception, expected: bool) -> None:
    assert is_composition_error(error) == expected
