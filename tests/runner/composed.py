"""Configurations as Hydra composes them from `conf/`, without running anything."""

from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from experiments.config.composition import register, typed
from experiments.config.schema import Config

CHECKOUT = Path(__file__).resolve().parents[2]
CONF = CHECKOUT / "conf"


def composed(*overrides: str) -> DictConfig:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides))


@cache  # a composition takes a quarter of a second; nobody may change what comes back
def composed_config(*overrides: str) -> Config:
    return typed(composed(*overrides))
