"""What this project adds to Hydra's composition: schemas, resolvers, and the step from its result to typed objects."""

import copy
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from experiments.config.keys import no_such_key
from experiments.config.leaves import leaves
from experiments.config.places import checkout
from experiments.config.schema import ALTERNATIVES, Config
from experiments.config.validation import ConfigError, validate, validate_alone

SCHEMA_GROUP = "schema"


def register() -> None:
    """Make the schemas and resolvers known to Hydra; calling it again changes nothing."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for group, alternatives in ALTERNATIVES.items():
        for name, schema in alternatives.items():
            store.store(group=f"{SCHEMA_GROUP}/{group}", name=name, node=schema)
    OmegaConf.register_new_resolver("checkout_outputs", lambda: str(checkout() / "outputs"), replace=True)
    OmegaConf.register_new_resolver("absolute", lambda path: str(Path(path).absolute()), replace=True)
    OmegaConf.register_new_resolver("run_folder", _run_folder, replace=True)


def typed(composed: DictConfig) -> Config:
    """Turn a composed configuration into typed, checked objects; Hydra's own part is left out.

    Raises:
        ConfigError: a value is impossible, alone or together with others.
        omegaconf.errors.OmegaConfBaseException: a value is missing or has the wrong type.
    """
    words = composed.hydra.overrides.task if "hydra" in composed else []
    return checked(without_hydra(composed), words)


def typed_alone(composed: DictConfig) -> Config:
    """As `typed`, for a run that is not part of a sweep.

    Raises:
        ConfigError: as `typed`, and where it asks for what only several runs can have.
    """
    config = typed(composed)
    validate_alone(config)
    return config


def without_hydra(composed: DictConfig) -> DictConfig:
    """Copy what is this project's own of a composed configuration."""
    own = copy.deepcopy(composed)
    with read_write(own), open_dict(own):
        own.pop("hydra", None)
    return own


def checked(own: DictConfig, words: Iterable[str]) -> Config:
    """Turn a configuration without Hydra's part into typed, checked objects; raises what `typed` raises.

    Args:
        own: of which nothing is changed.
        words: of the command line it was composed from.
    """
    config = OmegaConf.to_object(own)
    assert isinstance(config, Config)
    known = leaves(asdict(config))
    _refuse_unknown_keys(own, known)
    _refuse_numbers_for_truth(words, known)
    validate(config)
    config.outputs_dir = str(Path(config.outputs_dir).absolute())
    return config


def _refuse_unknown_keys(own: DictConfig, known: dict[str, Any]) -> None:
    """Refuse what `+key=value` added: Hydra lets it pass, but nothing would ever read it."""
    given = leaves(OmegaConf.to_container(own))  # type: ignore[arg-type]  # the root is a mapping
    for key in given.keys() - known.keys():
        raise ConfigError(f"{key}={given[key]}: {no_such_key(key)}")


def _refuse_numbers_for_truth(words: Iterable[str], known: dict[str, Any]) -> None:
    """Refuse `optimizer.nesterov=3`, which OmegaConf takes for true; only the command line's words still show it."""
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        if isinstance(known.get(key), bool) and value.lstrip("+-.")[:1].isdigit():
            raise ConfigError(f"{word}: must be true or false")


def _run_folder(*, _root_: DictConfig) -> str:
    """Name the folder of a run, for `hydra.run.dir`: a faulty configuration is refused before Hydra makes that folder.

    A dry run has none: Hydra is given one that is there.
    """
    from experiments.runs.identity import identity  # noqa: PLC0415  # it needs the schema of this package

    config = typed_alone(_root_)
    return "." if config.dry_run else f"{config.outputs_dir}/runs/{identity(config)}"
