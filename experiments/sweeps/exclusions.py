"""Combinations of a sweep that are left out, before anybody finds out whether they are possible."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Transformer

from experiments.config.validation import ConfigError
from experiments.sweeps.axes import Combination, Values, refuse_unknown


def without_excluded(combinations: Sequence[Combination], excluded: Sequence[Any], values: Values) -> list[Combination]:
    """The combinations that no entry matches; an entry matches where every key it names has the value it names.

    Args:
        combinations: of a sweep.
        excluded: `sweep.exclude`, a list of mappings from keys to values.
        values: of each key of the sweep.

    Raises:
        ConfigError: an entry names a key that is not swept or leaves out nothing, or nothing remains.
    """
    remaining = list(combinations)
    for entry in excluded:
        line = f"sweep.exclude=[{Transformer.str(entry)}]"
        if not isinstance(entry, dict) or not entry:
            raise ConfigError(f"{line}: each entry must name keys and their values, {{optimizer.lr:0.1,seed:1}}")
        for key in entry:
            refuse_unknown(key, values, line)
        if not any(_matches(combination, entry) for combination in combinations):
            raise ConfigError(f"{line}: leaves out nothing{_absent(entry, values)}")
        remaining = [combination for combination in remaining if not _matches(combination, entry)]
    if not remaining:
        raise ConfigError("sweep.exclude: leaves nothing to run")
    return remaining


def _matches(combination: Combination, entry: dict[str, object]) -> bool:
    return all(_same(combination[key].value, value) for key, value in entry.items())


def _same(one: object, other: object) -> bool:
    """Whether two values are equal, where true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _absent(entry: dict[str, object], values: Values) -> str:
    """Name the first value of the entry that its key never has."""
    for key, value in entry.items():
        if not any(_same(choice.value, value) for choice in values[key]):
            return f"; {key} is " + " or ".join(choice.text for choice in values[key])
    return "; its values never come together"
