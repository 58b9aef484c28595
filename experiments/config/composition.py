"""What this project adds to Hydra's composition: schemas, resolvers, and the step from its result to typed objects."""

import copy
import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from experiments.config.leaves import leaves
from experiments.config.schema import ALTERNATIVES, Config
from experiments.config.validation import ConfigError, did_you_mean, validate

CONF = Path(__file__).resolve().parents[2] / "conf"
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
    OmegaConf.register_new_resolver("identity", _identity, replace=True)


def typed(composed: DictConfig) -> Config:
    """Turn a composed configuration into typed, checked objects; Hydra's own part is left out.

    Raises:
        ConfigError: a value is impossible, alone or together with others.
        omegaconf.errors.OmegaConfBaseException: a value is missing or has the wrong type.
    """
    own = copy.deepcopy(composed)
    with read_write(own), open_dict(own):
        own.pop("hydra", None)
    config = OmegaConf.to_object(own)
    assert isinstance(config, Config)
    _refuse_unknown_keys(own, config)
    config.outputs_dir = str(Path(config.outputs_dir).absolute())
    validate(config)
    return config


def _refuse_unknown_keys(composed: DictConfig, config: Config) -> None:
    """Refuse what `+key=value` added: Hydra lets it pass, but nothing would ever read it."""
    known = leaves(asdict(config))
    given = leaves(OmegaConf.to_container(composed))  # type: ignore[arg-type]  # the root is a mapping
    for key in given.keys() - known.keys():
        raise ConfigError(f"{key}={given[key]}: there is no such key{did_you_mean(key, list(known))}")


def checkout() -> Path:
    """The checkout this package runs from or was installed from; the current folder if that is gone."""
    if (CONF.parent / "pyproject.toml").is_file():
        return CONF.parent
    try:
        origin = json.loads(distribution("cnn-experiments").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    folder = Path(unquote(urlsplit(origin.get("url", "")).path) or ".")
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()


def _identity(*, _root_: DictConfig) -> str:
    """Name the folder of a run, for `hydra.run.dir`: a faulty configuration is refused before that folder exists."""
    from experiments.runs.identity import identity  # noqa: PLC0415  # it needs the schema of this package

    return identity(typed(_root_))
