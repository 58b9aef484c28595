"""Errors of Hydra's composition, said in one or two lines: what, where, and what was probably meant."""

import re
from collections.abc import Iterator, Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from experiments.config.keys import no_such_key
from experiments.config.validation import ConfigError, did_you_mean

# Hydra raises these as bare ValueErrors: for GROUP=null and the like, for -m --cfg, for --resolve alone.
_NO_NAME, _FLAGS, _RESOLVE = "Config group override must be", "Only one of --run", "The --resolve flag"
_BARE = (_NO_NAME, _FLAGS, _RESOLVE)


def is_composition_error(error: Exception) -> bool:
    """Whether a command line is at fault, rather than the program."""
    if isinstance(error, ConfigError | HydraException | OmegaConfBaseException):
        return True
    return isinstance(error, ValueError) and str(error).startswith(_BARE)


def explain(error: Exception, overrides: Sequence[str]) -> str:
    """Say what is wrong with a command line.

    Args:
        error: what composing it raised.
        overrides: the command line's words.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ConfigError):
            return str(cause)
    if isinstance(error, MissingConfigException) and (option := re.search(r"find '(.+)/(.+)'", str(error))):
        return _unknown_option(option[1], option[2], str(error))
    if deletion := next((word for word in overrides if word.startswith("~")), None):
        return f"{deletion}: nothing of the configuration can be left out; set it instead, KEY=VALUE"
    for cause in chain:
        if isinstance(cause, OmegaConfBaseException) and cause.full_key:
            return _wrong_value(cause, overrides)
    return _plain(error, overrides)


def _plain(error: Exception, overrides: Sequence[str]) -> str:
    """Say what Hydra says without naming a key."""
    message = str(error)
    if ambiguous := re.match(r"Ambiguous value for argument '(.+)'", message):
        return f"{ambiguous[1]}: several values; add -m to sweep over them, or write a list as [a,b]"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: is not KEY=VALUE ({_first_lines(error.message, count=1)})"
    if message.startswith(_NO_NAME):
        return f"{' '.join(overrides)}: a group is chosen by name, GROUP=NAME; --help lists them"
    if message.startswith(_FLAGS):
        return "-m, --cfg, --info and -sc exclude one another; dry_run=true shows the runs of a sweep"
    return _first_lines(message, count=1 if isinstance(error, MissingConfigException) else 2)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # what was raised again while it was handled can stand in a circle
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _unknown_option(group: str, option: str, message: str) -> str:
    listed = re.search(r"Available options in '.+':\n((?:\t.+\n?)+)", message)
    options = listed[1].split() if listed else []
    return f"{group}={option}: must be one of {', '.join(options)}{did_you_mean(option, options)}"


def _wrong_value(cause: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key = str(cause.full_key)
    stem = key.partition("[")[0]
    word = next((word for word in overrides if word.lstrip("+").partition("=")[0] == stem), key)
    rule = _first_lines(str(cause.msg or cause), count=1)
    if re.match(r"Key '.*' (not in|is not in struct)", rule):
        return _preset_at_odds(key, overrides) if word == key else f"{word}: {no_such_key(key)}{_hint(word, overrides)}"
    if "MISSING" in rule or "missing mandatory" in rule.lower():
        return f"{word}: a value is needed here, but none is set"
    if rule == "Cannot merge DictConfig with ListConfig":
        rule = "must be a list, [{…}]"
    return f"{word}: {rule}"


def _hint(word: str, overrides: Sequence[str]) -> str:
    """How to set what only the swept choices of a group have: Hydra looks for it in the default choice first."""
    group = word.partition(".")[0]
    is_swept = any(other.startswith(f"{group}=") and "," in other for other in overrides)
    return f"; in a sweep over {group} write ++{word}" if is_swept and not word.startswith("+") else ""


def _preset_at_odds(key: str, overrides: Sequence[str]) -> str:
    """Say which words are at fault where none of them is the key: a preset sets it, a chosen group does not have it."""
    groups = ("experiment", "sweep", key.partition(".")[0])
    words = [word for word in overrides if word.lstrip("+").partition("=")[0] in groups]
    fault = f"{key}: {no_such_key(key)}"
    if len(words) > 1:
        return f"{' '.join(words)}: do not go together ({fault})"
    return ": ".join([*words, fault])


def _first_lines(message: str, count: int) -> str:
    return "\n".join([line.strip() for line in message.splitlines() if line.strip()][:count])
