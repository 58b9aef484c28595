"""A folder that `--config-dir` names may be a stranger's: what Hydra would carry out of it is refused.

Hydra calls whatever the configuration of its own part (`hydra:`) names: callbacks, log handlers, launchers. Of that
part, a file of such a folder may say what a sweep tries and no more. Each is read as plain data within bounds first: a
few anchors can stand for billions of values, which nothing would ever come to an end with.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser

from experiments.untrusted import YAML_SIZE, RefusedError, read_bounded, yaml_mapping

_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
_SEARCHED = re.compile(r"file://([^,\]'\"]+)")
_SAID_OF_A_SWEEP = {"hydra.mode", "hydra.sweeper.params"}


def refuse_what_would_be_carried_out(words: Sequence[str]) -> None:
    """Look through the folders that a command line of Hydra's names, before Hydra does.

    Raises:
        RefusedError: a file in one of them is more than a configuration of this project.
    """
    named = get_args_parser().parse_known_args(list(words))[0]
    searched = [path for word in named.overrides if "hydra.searchpath" in word for path in _SEARCHED.findall(word)]
    for folder in filter(None, (named.config_dir, named.config_path, *searched)):
        for path in sorted(Path(folder).rglob("*.yaml")):
            _check(path, path.relative_to(folder))


def _check(path: Path, name: Path) -> None:
    if name.parts[0] == "hydra":
        raise RefusedError(str(path), "a configuration of Hydra itself would be carried out")
    text = read_bounded(path, YAML_SIZE)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    content = yaml_mapping(text, str(path)) if lines else {}
    named = [
        *_PACKAGE.findall(text.decode()),
        *_texts(content.get("defaults")),
        *_leaves("hydra", content.get("hydra")),
    ]
    for found in named:
        if "hydra" in found and found not in _SAID_OF_A_SWEEP:
            allowed = " and ".join(sorted(_SAID_OF_A_SWEEP))
            raise RefusedError(str(path), f"{found}: of Hydra's own part only {allowed} may be said here")


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
