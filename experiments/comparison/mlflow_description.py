"""What stands on the sweep's own page in MLflow: Markdown, for the tag `mlflow.note.content`."""

import re

from experiments.comparison.advice import advice
from experiments.comparison.comparison import Comparison
from experiments.comparison.mixed_environments import mixed_environments
from experiments.comparison.table import TableContent, table_content
from experiments.comparison.tracked_sweep import tracked_sweep
from experiments.comparison.wording import outcomes_in_words

_LONGEST = 7500  # characters; MLflow cuts a tag at 8000
_LINES = 20


def description(comparison: Comparison) -> str:
    """The advice, the head of the table, and a link to MLflow's comparison of exactly these runs.

    Where the link would be longer than a tag may be, as with hundreds of runs, it leads to the list of the runs.
    """
    said, tracked = advice(comparison), tracked_sweep(comparison)
    sentences = [said.result, said.runner_up, said.reason, f"{outcomes_in_words(comparison)}."]
    parts = [f"## {_escaped(said.headline)}", _escaped(" ".join(filter(None, sentences)))]
    parts.append(_markdown(table_content(comparison), len(comparison.runs)))
    if remark := mixed_environments(comparison.runs).remark:
        parts.append(_escaped(remark))
    if tracked is not None:
        link = f"[Compare these runs]({tracked.page})"
        if len(link) + sum(map(len, parts)) > _LONGEST:
            link = f"[List these runs]({tracked.list_page})"
        parts.insert(1, link)  # MLflow shows the first lines only, until asked for more
    return "\n\n".join(parts)


def _markdown(content: TableContent, runs: int) -> str:
    rows = [[_escaped(title) for title in content.titles], ["---"] * len(content.titles)]
    for line in content.lines[:_LINES]:
        texts = [_escaped(cell.text) for cell in line.cells]
        rows.append([f"**{text}**" if line.best else text for text in texts])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if len(content.lines) > _LINES:
        lines += ["", f"The best {_LINES} of {len(content.lines)}; comparison.html shows all {runs} runs."]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text.replace("\n", " "))
