"""JSON and YAML that may be damaged or come from a stranger: read as plain data within bounds, or refused.

Nothing in a file is ever carried out, and nothing in it can cost more than its size: no depth that overflows a stack,
no name that stands for billions of values, no number of a million digits, no text that commands a terminal.
"""

import json
import math
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import yaml

from experiments.errors import UserError

JSON_SIZE = 16 << 20  # bytes; the plan of a sweep of fifty thousand runs
YAML_SIZE = 1 << 18  # bytes; a run's configuration has two thousand. A hundred thousand take a second to read
DEPTH = 32  # mappings and lists in each other; ours have four
_DIGITS = 100  # of a number; reading one takes the square of its length
_END_OF_TIME = 253_402_300_800_000  # ms since 1970: the year 10000
_SHOWN = 40  # characters, of what an error names
_LINE = 200  # characters, of what is shown in a line of its own

# A text in quotes to its end, without ever going back, or a bracket.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MAY_MEAN_CONTROL = re.compile(r"[\x7f-\x9f]|\\[bfu]")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float")}


class RefusedError(UserError, ValueError):
    """A file that is not read, or not read on: the message says which and why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


def opened(path: Path, limit: int) -> BinaryIO:
    """Open a file of a bounded size to read it; errors as in `read_bounded`."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(str(path), "it is no file")
    if found.st_size > limit:
        raise RefusedError(str(path), f"it is larger than {limit:,} bytes")
    return path.open("rb")


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file of a bounded size; never wait for what is no file, as a pipe.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be opened.
        RefusedError: it is too large, or no file.
    """
    with opened(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it grows, or says nothing of its size
        raise RefusedError(str(path), f"it is larger than {limit:,} bytes")
    return content


def json_file(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a mapping; errors as in `read_bounded` and `json_mapping`."""
    return json_mapping(read_bounded(path, JSON_SIZE), str(path))


def yaml_file(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; errors as in `read_bounded` and `yaml_mapping`."""
    return yaml_mapping(read_bounded(path, YAML_SIZE), str(path))


def json_mapping(content: bytes | str, place: str) -> dict[str, Any]:
    """Read a mapping written as JSON.

    `NaN` and `Infinity`, which Python writes, are read as such.

    Args:
        content: of the file, UTF-8.
        place: what it is called in an error.

    Raises:
        RefusedError: it is no such thing, or exceeds a bound.

    >>> json_mapping('{"epoch": 1, "metrics": {"train/loss": 0.5}}', "a.json")
    {'epoch': 1, 'metrics': {'train/loss': 0.5}}
    >>> json_mapping("[" * 100_000, "a.json")
    Traceback (most recent call last):
    experiments.untrusted.RefusedError: a.json: it is deeper than 32 levels
    """
    return _mapping(_json(_text(content, place, JSON_SIZE), place), place)


def yaml_mapping(content: bytes | str, place: str) -> dict[str, Any]:
    """Read a mapping written as YAML, in which everything is said in full: no anchors, no aliases, no tags.

    Args:
        content: of the file, UTF-8.
        place: what it is called in an error.

    Raises:
        RefusedError: it is no such thing, or exceeds a bound.

    >>> yaml_mapping("model: {channels: [8]}", "a.yaml")
    {'model': {'channels': [8]}}
    >>> yaml_mapping("a: !!python/name:os.system", "a.yaml")
    Traceback (most recent call last):
    experiments.untrusted.RefusedError: a.yaml: it has a tag, tag:yaml.org,2002:python/name:os.system
    """
    text = _text(content, place, YAML_SIZE)
    try:
        return _mapping(_yaml(text, place), place)
    except RefusedError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the others for 0x_ and signs that do not exist
        raise RefusedError(place, f"it is no YAML ({_first_line(error)})") from error


def number(text: str) -> int | float | None:
    """The number that a text is, as JSON writes it; None if it is none.

    >>> number("16"), number("1e-3"), number("1_6"), number("1e999"), number("true")
    (16, 0.001, None, None, None)
    """
    try:
        value = _json(text, "") if len(text) <= _DIGITS else None
    except RefusedError:
        return None
    return value if isinstance(value, int | float) and type(value) is not bool and math.isfinite(value) else None


def numbers(content: object, place: str) -> dict[str, float]:
    """Metrics: numbers by name. A truth value or a text that reads like a number is none.

    Raises:
        RefusedError: it is no such thing.
    """
    for key, value in _mapping(content, place).items():
        if type(value) not in (int, float):
            raise RefusedError(place, f"{key} is no number")
    return {key: float(value) for key, value in _mapping(content, place).items()}


def is_time_ms(value: object) -> TypeGuard[int]:
    """Whether it is a time that stores can keep, in ms since 1970.

    >>> is_time_ms(1_700_000_000_000), is_time_ms(-1), is_time_ms(10**90), is_time_ms(True)
    (True, False, False, False)
    """
    return type(value) is int and 0 <= value < _END_OF_TIME


def printable(value: object) -> str:
    r"""A value in a line, as far as that is not too long, that does nothing to a terminal.

    >>> printable("a\x1b[2J\n")
    'a\\x1b[2J\\n'
    """
    text = str(value)[:_LINE]
    return text if text.isprintable() else repr(text)[1:-1]


def _text(content: bytes | str, place: str, limit: int) -> str:
    if len(content) > limit:
        raise RefusedError(place, f"it is larger than {limit:,} bytes")
    try:
        return content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(place, "it is no UTF-8") from error


def _mapping(content: object, place: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise RefusedError(place, "it is no mapping")
    return content


def _json(text: str, place: str) -> Any:
    _refuse_deep_json(text, place)

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                raise RefusedError(place, f"it has a key twice, {key[:_SHOWN]}")
            made[key] = value
        return made

    try:
        value = json.loads(
            text,
            object_pairs_hook=mapping,
            parse_int=lambda digits: _number(int, digits, place),
            parse_float=lambda digits: _number(float, digits, place),
        )
    except json.JSONDecodeError as error:
        raise RefusedError(place, f"it is no JSON ({_first_line(error)})") from error
    if _MAY_MEAN_CONTROL.search(text):
        _refuse_control(value, place)
    return value


def _refuse_deep_json(text: str, place: str) -> None:
    """Before it is read: Python's own reader calls itself for every level."""
    if text.count("[") + text.count("{") <= DEPTH:
        return
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        bracket = token[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > DEPTH:
            raise RefusedError(place, f"it is deeper than {DEPTH} levels")


def _number(kind: Callable[[str], float], digits: str, place: str) -> float:
    """A number that is what it says: 1e999 would be infinite."""
    value = kind(digits) if len(digits) <= _DIGITS else math.inf
    if math.isinf(value):
        raise RefusedError(place, f"a number is too large or too long, {digits[:_SHOWN]}")
    return value


def _refuse_control(value: object, place: str) -> None:
    """Refuse a text that would command the terminal it is shown on, or that no terminal can show."""
    match value:
        case str() if _CONTROL.search(value):
            raise RefusedError(place, "it has a control character")
        case dict():
            for key, part in value.items():
                _refuse_control(key, place)
                _refuse_control(part, place)
        case list():
            for part in value:
                _refuse_control(part, place)


@dataclass
class _Open:
    """A mapping or a list whose end is not reached yet; of a mapping, the key whose value comes next."""

    content: dict[str, Any] | list[Any]
    key: list[str] = field(default_factory=list)

    def add(self, value: Any, place: str) -> None:
        match self.content:
            case list():
                self.content.append(value)
            case dict() if self.key:
                self.content[self.key.pop()] = value
            case dict():
                if not isinstance(value, str):
                    raise RefusedError(place, "a key is no text")
                if value in self.content:
                    raise RefusedError(place, f"it has a key twice, {value[:_SHOWN]}")
                self.key.append(value)


def _yaml(text: str, place: str) -> Any:
    """Put the document together event by event: nothing here calls itself, and nothing is built that is not there."""
    document = _Open([])
    open_ = [document]
    for event in _plain_events(text, place):
        if isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
        elif isinstance(event, yaml.ScalarEvent):
            open_[-1].add(_scalar(event, place), place)
        else:
            begun = _Open({} if isinstance(event, yaml.MappingStartEvent) else [])
            open_[-1].add(begun.content, place)
            open_.append(begun)
            if len(open_) - 1 > DEPTH:
                raise RefusedError(place, f"it is deeper than {DEPTH} levels")
    if len(document.content) != 1:
        raise RefusedError(place, f"it has {len(document.content)} documents")
    _refuse_control(document.content, place)
    return document.content[0]  # type: ignore[index]  # it is the list above


def _plain_events(text: str, place: str) -> Iterable[yaml.Event]:
    """What the document consists of."""
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise RefusedError(place, "it refers to itself")
        if (tag := getattr(event, "tag", None)) is not None:
            raise RefusedError(place, f"it has a tag, {tag[:_SHOWN]}")
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


def _scalar(event: yaml.ScalarEvent, place: str) -> Any:
    loader = yaml.SafeLoader("")
    tag: str = loader.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
    if tag not in _PLAIN_TAGS:
        raise RefusedError(place, f"it has a value that is neither text nor number, {event.value[:_SHOWN]}")
    node = yaml.ScalarNode(tag, event.value)
    if tag.endswith((":int", ":float")) and "inf" not in event.value.lower():
        return _number(lambda _: loader.construct_object(node), event.value, place)
    return loader.construct_object(node)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:100]
