"""Whether a sweep's runs were computed alike, with the same NumPy, BLAS and kernels; if not, bits may differ."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.comparison.compared_run import ComparedRun
from experiments.runs.numerics import FACTS, Facts, differing_keys, otherwise

MARK = "†"
_NAMED = 4  # runs of the same environment


@dataclass(frozen=True)
class MixedEnvironments:
    """The runs that were computed otherwise than most, by identity, and a remark; nothing where all are alike."""

    marked: frozenset[str]
    remark: str


def mixed_environments(runs: Sequence[ComparedRun]) -> MixedEnvironments:
    """Compare with the environment that most runs were last computed in; of those without a record nothing is known."""
    counts = Counter(tuple(run.stages[-1].facts.items()) for run in runs if run.stages)
    if not counts:
        return MixedEnvironments(frozenset(), "")
    most = dict(counts.most_common(1)[0][0])
    groups: dict[str, list[ComparedRun]] = {}
    for run in runs:
        if said := otherwise(run.stages, most):
            groups.setdefault(said, []).append(run)
    marked = [run for group in groups.values() for run in group]
    others = _others(marked, most) if len(marked) < len(runs) else ""
    return MixedEnvironments(frozenset(run.identity for run in marked), _remark(groups, others))


def _remark(groups: dict[str, list[ComparedRun]], others: str) -> str:
    if not groups:
        return ""
    parts = [f"{_names(group)} with {said}" for said, group in groups.items()]
    return f"{MARK} not everything was computed alike: {'; '.join([*parts, *[others] * bool(others)])}"


def _names(runs: Sequence[ComparedRun]) -> str:
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    return ", ".join(run.name for run in runs[:_NAMED]) + more


def _others(marked: Sequence[ComparedRun], most: Facts) -> str:
    """What the unmarked runs have in the place of what differs; vector instructions are told as a difference."""
    differing = {key for run in marked for stage in run.stages for key in differing_keys(stage.facts, most)}
    values = [f"{key} {most[key]}" for key in FACTS if key in differing and key != "simd"]
    return f"the others with {', '.join(values)}" if values else ""
