"""What somebody wants to know first: which setting to take, how good it is, and how sure that is."""

from dataclasses import dataclass

from experiments.comparison.comparison import Comparison
from experiments.comparison.selection import TEST
from experiments.comparison.setting import Setting
from experiments.comparison.wording import counted, percentage, setting_name

_VISIBLE = 0.005  # percentage points; less is not seen in what is printed


@dataclass(frozen=True)
class Advice:
    """A headline, and below it a few sentences."""

    headline: str
    result: str
    reason: str
    runner_up: str


def advice(comparison: Comparison) -> Advice:
    """Say which setting to take."""
    best = comparison.best
    if best is None:
        return Advice("Nothing to take yet", "No run is completed.", "", "")
    return Advice(_headline(comparison, best), _result(comparison, best), _reason(comparison), _runner_up(comparison))


def _headline(comparison: Comparison, best: Setting) -> str:
    if len(comparison.settings) > 1:
        return f"Take {setting_name(comparison.keys, best.values)}"
    return f"{counted(len(comparison.runs), 'seed')} of one setting" if comparison.averaged else "One run"


def _accuracy(comparison: Comparison, setting: Setting) -> str:
    metric = comparison.selection.metric
    return f"{percentage(setting.mean(metric), setting.deviation(metric))} {comparison.selection.name}"


def _result(comparison: Comparison, best: Setting) -> str:
    text = _accuracy(comparison, best)
    if comparison.selection.metric != TEST and (test := best.mean(TEST)) is not None:
        text += f", {percentage(test, best.deviation(TEST))} on the test images"
    if comparison.averaged:
        text += f" ({_seeds(best)})"
    return f"{text}."


def _seeds(setting: Setting) -> str:
    """Over which seeds a mean goes.

    Said with the number of those without a result, if there are any.
    """
    completed, all_ = len(setting.completed), len(setting.runs)
    if all_ == 1:
        return "one seed"
    spread = "mean ± standard deviation over" if completed > 1 else "from"
    return f"{spread} {counted(all_, 'seed')}" if completed == all_ else f"{spread} {completed} of {all_} seeds"


def _reason(comparison: Comparison) -> str:
    if len(comparison.settings) == 1:
        return ""
    text = str(comparison.selection)
    return f"{text[0].upper()}{text[1:]}."


def _runner_up(comparison: Comparison) -> str:
    """How close the second best comes, and whether that is a difference."""
    best, *others = comparison.settings
    second = next((setting for setting in others if setting.completed), None)
    if second is None:
        return "No other setting has a completed run." if others else ""
    name = setting_name(comparison.keys, second.values)
    metric = comparison.selection.metric
    ahead, behind = best.mean(metric), second.mean(metric)
    assert ahead is not None
    assert behind is not None
    if behind > ahead:
        return f"{name} reached {percentage(behind, None)}, but {second.lost} of its runs diverged or were given up."
    difference = 100 * (ahead - behind)
    if difference < _VISIBLE:
        return f"Runner-up: {name}, as good to two digits."
    text = f"Runner-up: {name}, {difference:.2f} percentage points behind"
    deviations = [setting.deviation(metric) for setting in (best, second)]
    if all(value is not None for value in deviations):
        chance = 100 * max(value or 0.0 for value in deviations)
        verdict = "less than seeds differ" if difference < chance else "more than seeds differ"
        return f"{text}, {verdict} (± {chance:.2f})."
    return f"{text}." if comparison.averaged else f"{text}; with one seed each, a small difference may be chance."
