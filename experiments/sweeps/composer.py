"""The configurations of a sweep's runs: each choice of groups is composed once, and values are set in copies of it.

Hydra reads and merges two dozen files for a composition, which takes a tenth of a second; most runs of a sweep differ
in values only. What comes out, errors included, is what composing each run from its files gives.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from experiments.config.composition import checked, typed, without_hydra
from experiments.config.schema import Config


class Composer:
    """From the overrides of a run to its checked configuration."""

    def __init__(self, compose: Callable[[list[str]], DictConfig], is_group: Callable[[str], bool]) -> None:
        """Args:
        compose: Hydra's composition, from the files.
        is_group: whether a key is a folder of files to choose from.
        """
        self._compose, self._is_group = compose, cache(is_group)
        self._parse = cache(OverridesParser.create().parse_override)
        self._chosen = cache(self._composed_choice)

    def __call__(self, words: Sequence[str]) -> Config:
        """Compose and check one run.

        Raises:
            ConfigError: a value is impossible, alone or together with others.
            hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException: what Hydra has against the words.
        """
        overrides = [self._parse(word) for word in words]
        if any(map(self._is_for_hydra_alone, overrides)):
            return typed(self._compose(list(words)))
        choice = [word for word, override in zip(words, overrides, strict=True) if self._chooses(override)]
        own = copy.deepcopy(self._chosen(tuple(choice)))
        values = [override for override in overrides if not self._chooses(override)]
        ConfigLoaderImpl._apply_overrides_to_config(values, own)
        return checked(own, words)

    def _composed_choice(self, words: tuple[str, ...]) -> DictConfig:
        return without_hydra(self._compose(list(words)))

    def _chooses(self, override: Override) -> bool:
        return self._is_group(override.key_or_group)

    def _is_for_hydra_alone(self, override: Override) -> bool:
        """Whether more is meant than a choice or a value of ours: Hydra's own settings, or `model={…}`."""
        return override.is_hydra_override() or (self._chooses(override) and isinstance(override.value(), dict))
