"""Errors of Hydra's composition, said in one or two lines: what, where, and what was probably meant."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.composition import CONF
from experiments.config.leaves import leaves
from experiments.config.schema import SECTIONS
from experiments.config.validation import ConfigError, did_you_mean

COMPOSITION_ERRORS = (ConfigError, HydraException, OmegaConfBaseException)


def explain(error: BaseException, overrides: Sequence[str]) -> str:
    """Say what is wrong with a command line.

    Args:
        error: what composing it raised, one of `COMPOSITION_ERRORS`.
        overrides: the command line's `KEY=VALUE` words.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ConfigError):
            return str(cause)
    if isinstance(error, MissingConfigException) and (option := re.search(r"find '(.+)/(.+)'", str(error))):
        return _unknown_option(*option.groups())
    for cause in chain:
        if isinstance(cause, OmegaConfBaseException) and cause.full_key:
            return _wrong_value(cause, overrides)
    if ambiguous := re.match(r"Ambiguous value for argument '(.+)'", str(error)):
        return f"{ambiguous[1]}: several values; add -m to sweep over them, or write a list as [a,b]"
    return _first_lines(str(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _unknown_option(group: str, option: str) -> str:
    options = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    return f"{group}={option}: must be one of {', '.join(options)}{did_you_mean(option, options)}"


def _wrong_value(cause: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key = str(cause.full_key)
    word = next((word for word in overrides if word.lstrip("+~").split("=")[0] == key.split("[", maxsplit=1)[0]), key)
    rule = _first_lines(str(cause.msg or cause), count=1)
    if re.match(r"Key '.*' (not in|is not in struct)", rule):
        return f"{word}: there is no such key{_nearest(key)}"
    if "MISSING" in rule or "missing mandatory" in rule.lower():
        return f"{word}: a value is needed here, but none is set"
    return f"{word}: {rule[0].lower()}{rule[1:]}"


def _nearest(key: str) -> str:
    """Say which key was probably meant: one of another alternative, of another group, or one spelt like it."""
    known = _known_keys()
    if key in known:
        return f" here, it belongs to {known[key]}"
    by_last = {name.rpartition(".")[2]: name for name in known}
    last = key.rpartition(".")[2]
    if last in by_last:
        return f"; did you mean {by_last[last]}?"
    if meant := did_you_mean(key, list(known)):
        return meant
    near = get_close_matches(last, by_last, n=1, cutoff=0.6)
    return f"; did you mean {by_last[near[0]]}?" if near else ""


def _known_keys() -> dict[str, str]:
    """Every key of every file in `conf/`, and where it is found: `optimizer.beta1` in `optimizer=adam`."""
    keys: dict[str, str] = {}
    for path in [*CONF.glob("*/*.yaml"), CONF / "config.yaml"]:
        group = "" if path.parent == CONF else path.parent.name
        content: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[assignment]
        content.pop("defaults", None)
        if group in SECTIONS:
            keys |= {key: f"{group}={path.stem}" for key in leaves({group: content})}
        elif not group:
            keys |= {key: "config" for key in leaves(content) if not key.startswith("hydra.")}
        keys.setdefault(group, "config")
    keys.pop("")
    return keys


def _first_lines(message: str, count: int = 2) -> str:
    return "\n".join([line.strip() for line in message.splitlines() if line.strip()][:count])
