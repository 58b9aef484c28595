"""Which runs a sweep is made of, decided and checked before any of them begins."""

from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from experiments.config.schema import Config
from experiments.config.validation import ConfigError
from experiments.sweeps.axes import combinations, values_by_key
from experiments.sweeps.cell import Cell
from experiments.sweeps.exclusions import without_excluded
from experiments.sweeps.names import short_names, shortest


def cells(
    overrides: Sequence[Override],
    compose: Callable[[list[str]], Config],
    zipped: Sequence[object] = (),
    excluded: Sequence[Any] = (),
) -> list[Cell]:
    """Compose every combination of the overrides' values.

    Args:
        overrides: parsed; a later one of the same key replaces an earlier one.
        compose: from the overrides of one run to its checked configuration.
        zipped: `sweep.zip`, keys or groups of keys whose values are taken together.
        excluded: `sweep.exclude`, combinations that are left out; they may be impossible ones.

    Raises:
        ConfigError: a combination is impossible, two are the same run, or `zipped` or `excluded` fit no value.
    """
    values = values_by_key(overrides)
    chosen = without_excluded(combinations(values, zipped), excluded, values)
    settings = [{key: shortest(choice.text) for key, choice in combination.items()} for combination in chosen]
    varying = [key for key in settings[0] if len({setting[key] for setting in settings}) > 1]
    names = short_names(varying)
    found = [
        Cell(
            name=" ".join(f"{names[key]}={setting[key]}" for key in varying) or "single",
            overrides={key: setting[key] for key in varying},
            config=compose([choice.word for choice in combination.values()]),
        )
        for setting, combination in zip(settings, chosen, strict=True)
    ]
    swept = [key for key in values if len(values[key]) > 1]
    _refuse_repetitions(found, [{key: setting[key] for key in swept} for setting in settings])
    return found


def _refuse_repetitions(found: Sequence[Cell], settings: Sequence[dict[str, str]]) -> None:
    seen: dict[str, dict[str, str]] = {}
    for cell, setting in zip(found, settings, strict=True):
        if cell.identity in seen:
            first = " ".join(f"{key}={value}" for key, value in seen[cell.identity].items())
            again = " ".join(f"{key}={value}" for key, value in setting.items())
            raise ConfigError(f"two runs of the sweep are the same: '{first}' and '{again}'; name each value once")
        seen[cell.identity] = setting
