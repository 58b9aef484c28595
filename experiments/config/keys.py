"""Every key there is, as the files in `conf/` have them, and which one a mistyped key was probably meant to be."""

from difflib import get_close_matches
from typing import Any

from omegaconf import OmegaConf

from experiments.config.leaves import leaves
from experiments.config.places import CONF
from experiments.config.schema import SECTIONS


def no_such_key(key: str) -> str:
    """Say that there is no such key, and what may help: where it belongs, one spelt like it, or those beside it."""
    known = _known_keys()
    section, _, last = key.rpartition(".")
    if key in known:
        return f"there is no such key here, it belongs to {known[key]}"
    by_last = _by_last_part(known, section)
    if last in by_last:
        return f"there is no such key; did you mean {by_last[last]}?"
    beside = [name for name in known if section and name.startswith(f"{section}.")]
    elsewhere = [name for name in known if not section or "." in name]
    for candidates in (beside, elsewhere):
        by_last = _by_last_part(candidates, section)
        if near := get_close_matches(last, by_last, n=1, cutoff=0.6):
            return f"there is no such key; did you mean {by_last[near[0]]}?"
    return "there is no such key" + (f"; there are {', '.join(beside)}" if beside else ", --help lists all")


def _by_last_part(keys: dict[str, str] | list[str], section: str) -> dict[str, str]:
    """Find keys by their last part; of several, one of this section, else of the section that comes first."""
    order = {name: position for position, name in enumerate(SECTIONS)}
    ranked = sorted(keys, key=lambda key: (key.rpartition(".")[0] != section, order.get(key.partition(".")[0], -1)))
    return {key.rpartition(".")[2]: key for key in reversed(ranked)}


def _known_keys() -> dict[str, str]:
    """Each key and where it is found: `optimizer.beta1` in `optimizer=adam or adamw`."""
    keys = dict.fromkeys((*SECTIONS, "experiment", "sweep"), "config")
    for path in [*sorted(CONF.glob("*/*.yaml")), CONF / "config.yaml"]:
        content: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[assignment]  # a mapping
        content.pop("defaults", None)
        if path.parent.name in SECTIONS:
            for key in leaves({path.parent.name: content}):
                keys[key] = f"{keys[key]} or {path.stem}" if key in keys else f"{path.parent.name}={path.stem}"
        elif path.parent == CONF:
            keys |= {key: "config" for key in leaves(content) if not key.startswith("hydra.")}
    return keys
