"""How settings are written: as short as they can be without becoming others."""

from collections.abc import Sequence


def shortest(value: str) -> str:
    """Write a number as short as it can be without becoming another: 1000000000.0 as 1e+09."""
    try:
        short = f"{float(value):g}"
        return short if "." in value and float(short) == float(value) else value
    except ValueError:
        return value


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each key, or the whole key where last parts coincide."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)}
