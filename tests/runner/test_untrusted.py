"""What may come from a stranger: plain data is read as it is, what could do harm is refused with its reason."""

import contextlib
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from experiments.untrusted import (
    DEPTH,
    JSON_SIZE,
    YAML_SIZE,
    RefusedError,
    json_file,
    json_mapping,
    number,
    numbers,
    yaml_file,
    yaml_mapping,
)

Reader = Callable[[bytes | str, str], dict[str, Any]]

texts = some.text(some.characters(min_codepoint=32, max_codepoint=126) | some.sampled_from('äß→\n\t\\"'), max_size=20)
scalars = some.none() | some.booleans() | some.integers(-(10**20), 10**20) | some.floats(allow_nan=False) | texts
trees = some.dictionaries(
    texts,
    some.recursive(scalars, lambda part: some.lists(part, max_size=3) | some.dictionaries(texts, part, max_size=3)),
    max_size=4,
)

written = some.text("0123456789abefnoxU_+-.:,~#%@&*!|>?=<\"'\\[]{} \n", max_size=12)  # of signs that mean something


class InFull(yaml.SafeDumper):
    """Writes what is there twice twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # as the base class calls it
        return True


@given(tree=trees)
def test_json_comes_back(tree: dict[str, Any]) -> None:
    assert json_mapping(json.dumps(tree), "a.json") == tree
    assert json_mapping(json.dumps(tree, ensure_ascii=False).encode(), "a.json") == tree


@given(tree=trees)
def test_yaml_comes_back(tree: dict[str, Any]) -> None:
    assert yaml_mapping(yaml.dump(tree, Dumper=InFull), "a.yaml") == tree


def test_numbers_that_python_writes_are_read() -> None:
    read = json_mapping(json.dumps({"a": math.nan, "b": math.inf, "c": -math.inf}), "a.json")
    assert math.isnan(read.pop("a"))
    assert read == {"b": math.inf, "c": -math.inf}
    read = yaml_mapping(yaml.safe_dump({"a": math.nan, "b": math.inf, "c": -math.inf}), "a.yaml")
    assert math.isnan(read.pop("a"))
    assert read == {"b": math.inf, "c": -math.inf}


JSON_REFUSED = {
    "": "it is no JSON",
    "{": "it is no JSON",
    "[1]": "it is no mapping",
    "null": "it is no mapping",
    '{"a": 1, "a": 1}': "it has a key twice, a",
    '{"a": {"b": 1, "b": 2}}': "it has a key twice, b",
    '{"a": 1e400}': "a number is too large or too long, 1e400",
    '{"a": -1e400}': "a number is too large or too long, -1e400",
    '{"a": ' + "1" * 5000 + "}": "a number is too large or too long, 1111",
    '{"a": "\\u001b]0;owned\\u0007"}': "it has a control character",
    '{"\\u009b2J": 1}': "it has a control character",
    '{"a": ["\x9b2J"]}': "it has a control character",
    '{"a": "\\ud800"}': "it has a control character",
    '{"a": ' * (DEPTH + 1) + "1" + "}" * (DEPTH + 1): f"it is deeper than {DEPTH} levels",
    "[" * 1_000_000: f"it is deeper than {DEPTH} levels",
    '{"a":' * 1_000_000: f"it is deeper than {DEPTH} levels",
    '{"a": "\\""' + ', "a": [' * 1_000_000: f"it is deeper than {DEPTH} levels",
}
YAML_REFUSED = {
    "": "it has 0 documents",
    "a: 1\n---\na: 1\n": "it has 2 documents",
    "- a": "it is no mapping",
    "a: [1,": "it is no YAML",
    "a: 1\na: 2": "it has a key twice, a",
    "a: {b: 1, 'b': 2}": "it has a key twice, b",
    "1: a": "a key is no text",
    "~: a": "a key is no text",
    "[a]: b": "a key is no text",
    "a: &b [1]\nc: *b": "it refers to itself",
    "a: *b": "it refers to itself",
    "a: &b 1": "it refers to itself",
    "<<: {a: 1}": "it has a value that is neither text nor number, <<",
    "a: 2026-01-01": "it has a value that is neither text nor number, 2026-01-01",
    "a: !!str b": "it has a tag, tag:yaml.org,2002:str",
    "a: !b c": "it has a tag, !b",
    "a: !!python/object/apply:os.system [true]": "it has a tag, tag:yaml.org,2002:python/object",
    "a: 0b_": "it is no YAML",
    "a: -0x_": "it is no YAML",
    'a: "\\U00110000"': "it is no YAML",
    'a: "\\Uffffffff"': "it is no YAML",
    "%YAML " + "1" * 5000 + ".1\n---\na: 1": "it is no YAML",
    "a: 1.0e+400": "a number is too large or too long, 1.0e+400",
    "a: " + ":".join(["59"] * 1000): "a number is too large or too long, 59:59",
    'a: "\\e]0;owned\\a"': "it has a control character",
    '"\\x9b2J": 1': "it has a control character",
    "a: \x1b[2J": "it is no YAML",
    "a: {" * (DEPTH + 1): f"it is deeper than {DEPTH} levels",
    "[" * (YAML_SIZE - 1): f"it is deeper than {DEPTH} levels",
    "- " * (YAML_SIZE // 2 - 1): f"it is deeper than {DEPTH} levels",
}


@pytest.mark.parametrize(("text", "reason"), JSON_REFUSED.items(), ids=lambda text: text[:20])
def test_json_is_refused(text: str, reason: str) -> None:
    refused(json_mapping, text.encode(errors="surrogatepass"), reason)


@pytest.mark.parametrize(("text", "reason"), YAML_REFUSED.items(), ids=lambda text: text[:20])
def test_yaml_is_refused(text: str, reason: str) -> None:
    refused(yaml_mapping, text, reason)


@pytest.mark.parametrize("reader", [json_mapping, yaml_mapping])
@given(text=some.text(max_size=12) | written, key=some.sampled_from(["", "a: ", '{"a": ']))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_any_text_is_a_mapping_or_refused(reader: Reader, text: str, key: str) -> None:
    with contextlib.suppress(RefusedError):
        assert isinstance(reader(key + text, "a"), dict)


@pytest.mark.parametrize("reader", [json_mapping, yaml_mapping])
def test_what_is_no_text_is_refused(reader: Reader) -> None:
    refused(reader, b"\xff\xfe{}", "it is no UTF-8")


def refused(reader: Reader, content: bytes | str, reason: str) -> None:
    with pytest.raises(RefusedError) as caught:
        reader(content, "its/name")
    message = str(caught.value)
    assert message.startswith(f"its/name: {reason}")
    assert len(message) < 160
    assert len(message.splitlines()) == 1
    assert message.isprintable()


def test_brackets_in_texts_are_no_depth() -> None:
    tree = {"a\\": "[" * 100 + '"' + "{" * 100, "[[[[": ["]", "\\"] * 50}
    assert json_mapping(json.dumps(tree), "a.json") == tree


def test_depth_is_counted_and_not_brackets() -> None:
    tree: Any = 1
    for _ in range(DEPTH - 2):  # around it a mapping, within it an empty list
        tree = [tree, [], {}]
    assert json_mapping(json.dumps({"a": tree}), "a.json") == {"a": tree}
    assert yaml_mapping(yaml.safe_dump({"a": tree}), "a.yaml") == {"a": tree}
    for reader, written in ((json_mapping, json.dumps({"a": [tree]})), (yaml_mapping, yaml.safe_dump({"a": [tree]}))):
        with pytest.raises(RefusedError, match="deeper"):
            reader(written, "a")


@pytest.mark.parametrize(("reader", "limit"), [(json_mapping, JSON_SIZE), (yaml_mapping, YAML_SIZE)])
def test_size_is_limited(reader: Reader, limit: int) -> None:
    longest = '{"a": "%s"}' % ("b" * (limit - 9))
    assert len(reader(longest, "a")["a"]) == limit - 9
    refused(reader, longest + " ", f"it is larger than {limit:,} bytes")


def test_no_more_of_a_file_is_read_than_the_limit(tmp_path: Path) -> None:
    endless = tmp_path / "a.yaml"
    with endless.open("wb") as file:
        file.truncate(1 << 40)  # of which nothing is on the disk
    for reader in (json_file, yaml_file):
        with pytest.raises(RefusedError, match=f"^{endless}: it is larger than"):
            reader(endless)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path(os.devnull)
    with pytest.raises(RefusedError, match=f"^{path}: it is no file$"):
        json_file(path)


def test_missing_file_is_missing(tmp_path: Path) -> None:
    for reader in (json_file, yaml_file):
        with pytest.raises(FileNotFoundError):
            reader(tmp_path / "a")


@pytest.mark.parametrize(
    "content", ['"\\' * (JSON_SIZE // 2), '"' * JSON_SIZE, "'" * JSON_SIZE, "[" * JSON_SIZE], ids=lambda text: text[:2]
)
def test_refusal_takes_no_longer_than_reading(content: str) -> None:
    begun = time.process_time()
    with pytest.raises(RefusedError):
        json_mapping(content, "a.json")
    assert time.process_time() - begun < 5  # what goes back in the text takes minutes for a hundredth of it


def test_numbers_are_told_from_what_reads_like_one() -> None:
    assert numbers({"a": 1, "b": 0.5, "c": math.inf}, "a.json") == {"a": 1.0, "b": 0.5, "c": math.inf}
    for odd in ("0.5", None, True, [1.0], {"d": 1.0}):
        with pytest.raises(RefusedError, match=r"^a\.json: b is no number$"):
            numbers({"a": 1, "b": odd}, "a.json")
    with pytest.raises(RefusedError, match=r"^a\.json: it is no mapping$"):
        numbers([1.0], "a.json")


@pytest.mark.parametrize("text", ["", "[8]", "true", "NaN", "Infinity", "1e999", "9" * 1000, "[" * 10**6, "1_0", "0x1"])
def test_what_is_no_number_stays_a_text(text: str) -> None:
    assert number(text) is None
