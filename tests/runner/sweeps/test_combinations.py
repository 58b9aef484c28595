"""Zipped, crossed and left out, at random: held against an enumeration of all index tuples."""

from itertools import product
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.sweeps.axes import combinations, values_by_key
from experiments.sweeps.exclusions import without_excluded

KEYS = ("optimizer.lr", "data.batch_size", "model.hidden_size", "trainer.epochs", "seed")
Setting = dict[str, int]


class Sweep(NamedTuple):
    """How many values each key has (1, 2, …), which vary together, and what is left out."""

    counts: dict[str, int]
    groups: list[list[str]]
    excluded: list[Setting]


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    keys = draw(st.permutations(KEYS))[: draw(st.integers(1, len(KEYS)))]
    counts = {key: draw(st.integers(1, 3)) for key in keys}
    shuffled = draw(st.permutations(keys))
    cut, end = draw(st.integers(2, 3)), draw(st.integers(2, 5))
    groups = [group for group in (shuffled[:cut], shuffled[cut:end]) if len(group) > 1 and draw(st.booleans())]
    for group in groups:
        several = draw(st.integers(2, 3))
        counts |= {key: several for key in group if counts[key] > 1}
    possible = naive(counts, groups, [])
    entries = draw(
        st.lists(st.tuples(st.sampled_from(possible), st.sets(st.sampled_from(keys), min_size=1)), max_size=2)
    )
    excluded = [{key: setting[key] for key in named} for setting, named in entries]
    return Sweep(counts, groups, excluded if naive(counts, groups, excluded) else [])


def naive(counts: dict[str, int], groups: list[list[str]], excluded: list[Setting]) -> list[Setting]:
    """Every tuple of values, unless a group's are not of the same place or an entry forbids it."""
    keys = [key for key in counts if key != "seed"] + [key for key in counts if key == "seed"]
    kept = []
    for places in product(*(range(1, counts[key] + 1) for key in keys)):
        setting = dict(zip(keys, places, strict=True))
        together = all(len({setting[key] for key in group if counts[key] > 1}) <= 1 for group in groups)
        forbidden = any(all(setting[key] == value for key, value in entry.items()) for entry in excluded)
        if together and not forbidden:
            kept.append(setting)
    return kept


@given(sweeps())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_runs_are_those_of_the_enumeration_in_its_order(sweep: Sweep) -> None:
    words = [f"{key}={','.join(map(str, range(1, count + 1)))}" for key, count in sweep.counts.items()]
    values = values_by_key(OverridesParser.create().parse_overrides(words))
    found = without_excluded(combinations(values, sweep.groups), sweep.excluded, values)
    assert [{key: choice.value for key, choice in one.items()} for one in found] == naive(*sweep)
