"""What is not as it was when a run was recorded: code, data, configuration and environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.comparison.differences import texts_apart
from experiments.reruns.original import Original
from experiments.runs.environment import UNTIL
from experiments.runs.identity import code_digest, decides
from experiments.runs.source import current_source
from experiments.untrusted import printable

_SHOWN = 8  # of an environment; a machine of another kind has a hundred other packages
_DIGITS = 12
_SAID = ("code.sha256", "packages.numpy")  # elsewhere: of the code, as `numpy`


@dataclass(frozen=True)
class Change:
    """One respect: what is to be said of it in a line, and what differs, each then and now."""

    title: str
    remark: str
    lines: tuple[str, ...] = ()
    differs: bool = True


def changes(original: Original, filled_in: Mapping[str, Any], environment: Mapping[str, str]) -> list[Change]:
    """What differs from then, or that nothing does.

    Args:
        original: the record.
        filled_in: keys that it does not have, with today's values.
        environment: in which it runs.
    """
    return [_code(original), _data(original), _config(filled_in), _environment(original, environment)]


def _code(original: Original) -> Change:
    then, now = original.code, code_digest()
    source, current = original.source, current_source()
    commits = _commit(source.commit, source.dirty), _commit(current.commit, bool(current.dirty))
    said = f"commit {commits[0]} then, {commits[1]} now" if commits[0] != commits[1] else f"commit {commits[0]}"
    if then is None:
        return Change("code", f"of then is not known; {said}")
    if then == now:
        return Change("code", f"the same in all that decides a result; {said}", differs=False)
    is_there = (source.commit, source.patch) == (current.commit, current.patch)  # as in the worktree of --at-commit
    hint = ("--at-commit runs the code of then",) if source.commit and not is_there else ()
    return Change("code", f"differs, {printable(then)[:_DIGITS]} then, {now[:_DIGITS]} now; {said}", hint)


def _commit(commit: str | None, dirty: bool) -> str:
    return "unknown" if commit is None else commit[:_DIGITS] + (" with changes" if dirty else "")


def _data(original: Original) -> Change:
    if "data.sha256" not in original.record.facts:
        return Change("data", "of then is not known")
    return Change("data", "the same", differs=False)  # any other was refused


def _config(filled_in: Mapping[str, Any]) -> Change:
    lines = tuple(f"{key}  {value}" for key, value in filled_in.items() if decides(key))
    if not lines:
        return Change("config", "the same", differs=False)
    return Change("config", "the record lacks keys of this version; they are", lines)


def _environment(original: Original, environment: Mapping[str, str]) -> Change:
    recorded = original.record.environment
    if recorded is None:
        return Change("environment", "of then is not known")
    apart = [line for line in texts_apart([recorded, _for_each_epoch(recorded, environment)]) if line.key not in _SAID]
    apart.sort(key=lambda line: not line.key.startswith(UNTIL))  # the first epochs first
    if not apart:
        return Change("environment", "the same", differs=False)
    lines = [f"{printable(line.key)}  {' → '.join(map(printable, line.values))}" for line in apart[:_SHOWN]]
    if len(apart) > _SHOWN:
        lines.append(f"and {len(apart) - _SHOWN} more, see environment.json")
    return Change("environment", "differs, then → now", tuple(lines))


def _for_each_epoch(recorded: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Today's environment, also under the keys that say what was otherwise for a run's earlier epochs."""
    earlier = {key: key.partition(".")[2] for key in recorded if key.startswith(UNTIL)}
    return {**environment, **{key: environment[now] for key, now in earlier.items() if now in environment}}
