"""How values, accuracies, settings and numbers of things are written, wherever they are shown."""

from collections.abc import Sequence

from experiments.comparison.comparison import Comparison
from experiments.pictures.scale import Value
from experiments.sweeps.names import short_names, shortest


def written(value: Value) -> str:
    """A value as one would type it.

    >>> written(0.03), written(1e9), written("[8,16]")
    ('0.03', '1e+09', '[8,16]')
    """
    return shortest(str(value))


def percentage(value: float | None, spread: float | None) -> str:
    """An accuracy, with its deviation in percentage points if there is one.

    >>> percentage(0.9465, 0.0066), percentage(0.5, None), percentage(None, None)
    ('94.65% ± 0.66', '50.00%', '–')
    """
    if value is None:
        return "–"
    return f"{value:.2%}" + ("" if spread is None else f" ± {100 * spread:.2f}")


def setting_name(keys: Sequence[str], values: dict[str, Value]) -> str:
    """A setting in words.

    >>> setting_name(["optimizer.lr", "data.batch_size"], {"optimizer.lr": 0.1, "data.batch_size": 32})
    'lr = 0.1, batch size = 32'
    """
    names = short_names(keys)
    return ", ".join(f"{names[key].replace('_', ' ')} = {written(values[key])}" for key in keys)


def overrides(values: dict[str, Value]) -> list[str]:
    """A setting as words for the command line."""
    return [f"{key}={written(value)}" for key, value in values.items()]


def counted(number: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "run"), counted(3, "run")
    ('1 run', '3 runs')
    """
    return f"{number} {thing}" + ("" if number == 1 else "s")


def outcomes_in_words(comparison: Comparison) -> str:
    """How many runs came to what: `16 runs: 14 completed, 2 diverged`."""
    outcomes = dict.fromkeys(run.outcome for run in comparison.runs)
    counts = {outcome: sum(run.outcome == outcome for run in comparison.runs) for outcome in outcomes}
    words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return f"{counted(len(comparison.runs), 'run')}: {words}"
