"""A typed configuration made again from a run's record, which an earlier version or a stranger may have written.

It is data. What this version does not know is refused, what it knows and the record does not have is filled in from
`conf/`; nothing is resolved, and no name in it leads to code.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf

from experiments.config.leaves import leaves
from experiments.config.places import CONF
from experiments.config.schema import ALTERNATIVES, Config
from experiments.config.validation import ConfigError, validate
from experiments.untrusted import printable, yaml_mapping

_OF_TODAY = ("outputs_dir", "force", "dry_run", "launcher", "sweep")  # a rerun is one run, in this process
_SHOWN = 3
_AT_COMMIT = "--at-commit runs the code of then"

Tree = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A configuration, and by dotted key the values that the record does not have: they are today's."""

    config: Config
    filled_in: Mapping[str, Any]


def recorded_config(content: bytes, place: str, *, outputs_dir: Path, uri: str) -> Recorded:
    """Make the configuration of a record.

    Args:
        content: of its `config.yaml`.
        place: where that is, for errors.
        outputs_dir: where the run is to write.
        uri: of the store that it is to be shown in.

    Raises:
        UserError: it is no configuration, or none that this version can run.
    """
    record = yaml_mapping(content, place)
    _refuse_references(record, place)
    _refuse_unknown(record, place)
    record = {key: value for key, value in record.items() if key not in _OF_TODAY}
    today = _today(record, place)
    seed: Any = record.get("seed", today["seed"])
    if not _fits(seed, int):
        raise ConfigError(f"{place}: seed={printable(seed)}: is of the wrong type")
    config = Config(
        **{
            section: _typed(section, schema, today[section] | record.get(section, {}), place)
            for section, schema in _schemas(record, place).items()
        },
        seed=seed,
        outputs_dir=str(outputs_dir),
        force=False,
        dry_run=False,
    )
    config.tracking.uri = uri
    validate(config)
    known = leaves(record)
    return Recorded(config, {key: value for key, value in leaves(asdict(config)).items() if key not in known})


def _refuse_references(node: object, place: str) -> None:
    """Refuse what something would have to be looked up for: a run writes values."""
    match node:
        case dict():
            _refuse_references([*node, *node.values()], place)
        case list():
            for part in node:
                _refuse_references(part, place)
        case str() if "${" in node:
            raise ConfigError(f"{place}: {printable(node)}: a record has values, and nothing that is to be resolved")


def _refuse_unknown(record: Tree, place: str) -> None:
    """Refuse keys that nothing would read: what they decided then is not decided now."""
    known = {field.name for field in fields(Config)}
    unknown = [key for key in record if key not in known]
    for section, schema in _schemas(record, place).items():
        if not isinstance(record.get(section, {}), dict):
            raise ConfigError(f"{place}: {section}: is no mapping")
        names = {field.name for field in fields(schema)}
        unknown += [f"{section}.{key}" for key in record.get(section, {}) if key not in names]
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        named = ", ".join(printable(key) for key in unknown[:_SHOWN])
        raise ConfigError(f"{place}: {named}{more}: there is no such key in this version; {_AT_COMMIT}")


def _schemas(record: Tree, place: str) -> dict[str, Any]:
    """The class of every section; of a group it is that of the recorded choice, else of the default one."""
    found = {section: schema for section, schema in get_type_hints(Config).items() if is_dataclass(schema)}
    for group, alternatives in ALTERNATIVES.items():
        choice = _choice(group, record)
        if not isinstance(choice, str) or choice not in alternatives:
            known = ", ".join(alternatives)
            raise ConfigError(
                f"{place}: {group}.name={printable(choice)}: in this version it is one of {known}; {_AT_COMMIT}"
            )
        found[group] = alternatives[choice]
    return found


def _choice(group: str, record: Tree) -> object:
    if group not in record:
        return _default_choices()[group]
    return record[group].get("name") if isinstance(record[group], dict) else None


def _today(record: Tree, place: str) -> Tree:
    """The value that every key has today where nothing sets it."""
    root, choices = _file("config"), _default_choices()
    choices |= {group: _choice(group, record) for group in ALTERNATIVES}
    sections = [section for section in _schemas(record, place) if section in choices]
    values = {section: _file(f"{section}/{choices[section]}") for section in sections}
    values["data"]["root"] = values["tracking"]["uri"] = ""  # where things are is for the caller to say
    for section in values.values():
        section.pop("defaults", None)
    return {**values, "sweep": root["sweep"], "seed": root["seed"]}


def _default_choices() -> Tree:
    chosen = [choice for choice in _file("config")["defaults"] if isinstance(choice, dict)]
    return {group: name for choice in chosen for group, name in choice.items() if name is not None}


def _file(name: str) -> Tree:
    content: Tree = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))  # type: ignore[assignment]  # a mapping
    return content


def _typed(section: str, schema: type, values: Tree, place: str) -> Any:
    """An object of this class. Nothing is converted but a whole number where any number may stand."""
    kinds = get_type_hints(schema)
    for key, value in values.items():
        if not _fits(value, kinds[key]):
            raise ConfigError(f"{place}: {section}.{key}={printable(value)}: is of the wrong type")
    return schema(**{key: _converted(value, kinds[key]) for key, value in values.items()})


def _converted(value: object, kind: Any) -> object:
    return float(value) if type(value) is int and float in (kind, *get_args(kind)) else value


def _fits(value: object, kind: Any) -> bool:
    """Whether a value has this type, as the schema writes it.

    >>> _fits([8, 16], list[int]), _fits(True, int), _fits(None, float | None), _fits(1, float)
    (True, False, True, True)
    """
    if kind is Any:
        return True
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(element, get_args(kind)[0]) for element in value)
    if get_origin(kind) is UnionType:
        return any(_fits(value, alternative) for alternative in get_args(kind))
    return type(value) is kind or (kind is float and type(value) is int and abs(value) < 2**53)
