"""A folder that `--config-dir` names may be a stranger's: what Hydra would carry out of it is refused.

Hydra calls whatever the configuration of its own part (`hydra:`) names: callbacks, log handlers, launchers. Of that
part, a file of such a folder may say what a sweep tries and no more; nor may it lead to files that are not looked at.
Each is read as plain data within bounds first: a few anchors can stand for billions of values, which nothing would ever
come to an end with.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.places import CONF
from experiments.errors import UserError
from experiments.untrusted import YAML_SIZE, RefusedError, read_bounded, yaml_mapping

_PACKAGE = re.compile(r"@package\s+(\S+)")  # wherever it stands: lines end at more signs for Hydra than for `re`
_LEADS_ELSEWHERE = ("..", "//", "${")
_PARAMS = "hydra.sweeper.params"
_SAID_OF_A_SWEEP = {"hydra.mode", _PARAMS}


def refuse_what_would_be_carried_out(words: Sequence[str]) -> None:
    """Look through the folders that a command line of Hydra's names, before Hydra does.

    Raises:
        RefusedError: a file in one of them is more than a configuration of this project.
        UserError: Hydra would carry out a file of its own kind.
        hydra.errors.HydraException: a word is none that Hydra understands.
    """
    named = get_args_parser().parse_known_args(list(words))[0]
    if named.experimental_rerun is not None:
        raise UserError(
            "--experimental-rerun: would carry out what a pickle says; python -m experiments.rerun RUN runs again"
        )
    # What Hydra takes for relative to the program, and what to the current folder.
    folders = [CONF.parent / "experiments" / named.config_path] if named.config_path else []
    folders += [Path(folder) for folder in (named.config_dir, *_searched(named.overrides)) if folder]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            is_yaml = path.suffix.lower() == ".yaml"  # on some disks x.YAML is x.yaml too
            if path.is_symlink() and (is_yaml or path.is_dir()):
                raise RefusedError(str(path), "a symbolic link leads to what is not looked at; put a copy there")
            if is_yaml and not path.is_dir():
                _check(path, path.relative_to(folder))


def _searched(overrides: Sequence[str]) -> Iterator[str]:
    """The folders that `hydra.searchpath` names."""
    words = [word for word in overrides if "hydra.searchpath" in word]
    for override in OverridesParser.create().parse_overrides(words):
        for place in _texts(override.value()):
            yield place.removeprefix("file://")


def _check(path: Path, name: Path) -> None:
    if "hydra" in name.parts[0].lower():
        raise RefusedError(str(path), "a configuration of Hydra itself would be carried out")
    text = read_bounded(path, YAML_SIZE)
    content = _content(text, str(path))
    named = [
        *_PACKAGE.findall(text.decode()),
        *_texts(content.get("defaults")),
        *_leaves("hydra", content.get("hydra")),
        *_swept(content, str(path)),
    ]
    for found in named:
        if "hydra" in found and found not in _SAID_OF_A_SWEEP:
            allowed = " and ".join(sorted(_SAID_OF_A_SWEEP))
            raise RefusedError(str(path), f"{found}: of Hydra's own part only {allowed} may be said here")
        if any(sign in found for sign in _LEADS_ELSEWHERE):
            signs = " or ".join(_LEADS_ELSEWHERE)
            raise RefusedError(str(path), f"{found}: a name with {signs} may lead to what is not looked at")


def _content(text: bytes, place: str) -> dict[str, Any]:
    """What a file says; nothing, where it has comments alone. Lines end at all signs at which they do in YAML."""
    try:
        lines = [line.strip() for line in text.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise RefusedError(place, "it is no UTF-8") from error
    return yaml_mapping(text, place) if any(line and not line.startswith("#") for line in lines) else {}


def _texts(content: Any) -> Iterator[str]:
    """All keys and texts of a list or a mapping."""
    match content:
        case str():
            yield content
        case list():
            for part in content:
                yield from _texts(part)
        case dict():
            yield from content
            yield from _texts(list(content.values()))


def _leaves(key: str, content: Any) -> Iterator[str]:
    """The dotted keys of what is said, down to those that may be said as a whole."""
    if isinstance(content, dict) and key not in _SAID_OF_A_SWEEP:
        for name, part in content.items():
            yield from _leaves(f"{key}.{name}", part)
    elif content is not None:
        yield key


def _swept(content: dict[str, Any], place: str) -> Iterator[str]:
    """The keys and texts of what a sweep tries: a mapping within it could be one more thing that Hydra builds."""
    params: Any = content
    for name in _PARAMS.split("."):
        params = params.get(name) if isinstance(params, dict) else None
    for key, value in (params if isinstance(params, dict) else {_PARAMS: params}).items():
        is_one_word = key != _PARAMS and not isinstance(value, dict | list) and not key.startswith("_")
        if not is_one_word and value is not None:
            raise RefusedError(place, f"{_PARAMS}: {key}: must be a key with its values, KEY: A,B")
        yield from (key, *_texts(value))
