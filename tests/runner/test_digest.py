"""The digest that files have in them: it is as it was when they were written."""

from typing import Any

from experiments.digest import json_digest

# printf %s '{"a": {"b": 0.5, "c": "\u00fc"}, "d": [1, null]}' | sha256sum
DIGEST = "88967ddc7302c3c5505fbbde47fd5c15037f68724778d9b2f5e16ec686287d56"


def test_digest_is_of_the_text_with_sorted_keys() -> None:
    content: dict[str, Any] = {"d": [1, None], "a": {"c": "ü", "b": 0.5}}
    assert json_digest(content) == DIGEST
