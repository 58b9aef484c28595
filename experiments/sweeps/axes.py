"""Along what a sweep varies: the values of each key, and which keys vary together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.types import Override, Transformer

from experiments.config.validation import ConfigError, did_you_mean
from experiments.runs.identity import decides


@dataclass(frozen=True)
class Choice:
    """A value of a key: as an override, `optimizer.lr=0.10`, and as an object, 0.1."""

    word: str
    value: object

    @property
    def text(self) -> str:
        """The value as it is written."""
        return self.word.partition("=")[2]


Values = dict[str, list[Choice]]
Combination = dict[str, Choice]


def values_by_key(overrides: Sequence[Override]) -> Values:
    """The values of each key in the order of the command line, of which the last override of a key counts.

    The seed comes last, wherever it stood: it varies fastest, so runs that differ in nothing else are neighbours, and
    all that is to be known of one setting is known before the next begins.

    Raises:
        ConfigError: the values cannot be listed, or make no difference.
    """
    last = {override.get_key_element().lstrip("+"): override for override in overrides}
    return {key: list(_choices(key, last[key])) for key in sorted(last, key=lambda key: key == "seed")}


def combinations(values: Values, zipped: Sequence[object]) -> list[Combination]:
    """Every combination of the values, where the keys of a group vary together, first with first.

    A key with a single value has it in every combination, in a group too.

    Args:
        values: of each key.
        zipped: `sweep.zip`: keys, or groups of keys.

    Raises:
        ConfigError: the groups do not fit the values.
    """
    group_of = {key: group for group in _groups(values, zipped) for key in group}
    axes = []
    for key in values:
        group = group_of.get(key, [key])
        if key == group[0]:
            axes.append([dict(zip(group, row, strict=True)) for row in zip(*map(values.get, group), strict=True)])
    mixed = [{key: choice for part in parts for key, choice in part.items()} for parts in product(*axes)]
    return [{key: combination[key] for key in values} for combination in mixed]


def refuse_unknown(key: object, values: Values, where: str) -> None:
    """Refuse a key that the sweep has no values of.

    Raises:
        ConfigError: says which key was probably meant.
    """
    if key in values:
        return
    swept = [name for name in values if len(values[name]) > 1]
    last = str(key).rpartition(".")[2]
    alike = [name for name in swept if name.rpartition(".")[2] == last]
    near = f"; did you mean {alike[0]}?" if alike else did_you_mean(str(key), swept)
    raise ConfigError(f"{where}: {key} is not swept" + (near or f"; swept: {', '.join(swept) or 'nothing'}"))


def _choices(key: str, override: Override) -> Iterator[Choice]:
    """The values of one override.

    Every float of a range is rounded to 12 digits: Hydra adds up the steps, and 0.1 + 0.1 + 0.1 is not 0.3.
    """
    line = str(override.input_line)
    if not override.is_sweep_override():
        yield Choice(line, override.value())
        return
    if not override.is_discrete_sweep():
        raise ConfigError(f"{line}: a sweep needs values to choose from, {key}=a,b or range(…)")
    if not decides(key):
        raise ConfigError(f"{line}: must be one value for all runs, it decides no result (a list is written [a,b])")
    for element in _elements(override, line):
        value = float(f"{element:.12g}") if override.is_range_sweep() and isinstance(element, float) else element
        yield Choice(f"{override.get_key_element()}={Transformer.str(value)}", Override._convert_value(value))


def _elements(override: Override, line: str) -> list[Any]:
    """The values as Hydra lists them, at least one."""
    try:
        elements = list(override.sweep_iterator())
    except ValueError as error:
        raise ConfigError(f"{line}: {error}") from error
    if not elements:
        raise ConfigError(f"{line}: has no value")
    return elements


def _groups(values: Values, zipped: Sequence[object]) -> Iterator[list[str]]:
    """The groups of `sweep.zip`: of each the keys that have several values, in the order of the values."""
    line = f"sweep.zip={Transformer.str(list(zipped))}"
    named = _named(zipped, line)
    keys = [key for group in named for key in group]
    for key in keys:
        refuse_unknown(key, values, line)
        if keys.count(key) > 1:
            raise ConfigError(f"{line}: {key} is named twice")
    for group in named:
        varying = [key for key in values if key in group and len(values[key]) > 1]
        if len({len(values[key]) for key in varying}) > 1:
            counted = ", ".join(f"{key} has {len(values[key])}" for key in varying)
            raise ConfigError(f"{line}: equally many values are needed, but {counted}; sweep.zip=[] crosses them")
        if varying:
            yield varying


def _named(zipped: Sequence[object], line: str) -> list[list[str]]:
    """The groups as they were written; a list of keys is one group."""
    groups = [list(zipped)] if zipped and all(isinstance(key, str) for key in zipped) else zipped
    named = []
    for group in groups:
        if not isinstance(group, list) or not all(isinstance(key, str) for key in group):
            raise ConfigError(f"{line}: must be a list of keys, [a,b], or a list of such lists, [[a,b],[c,d]]")
        if len(group) < 2:
            raise ConfigError(f"{line}: a group has two keys or more")
        named.append(group)
    return named
