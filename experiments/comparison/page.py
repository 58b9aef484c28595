"""The comparison as one page that needs nothing else: no server, no network, no file beside it."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from shlex import join
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from experiments.command_line import ui_command
from experiments.comparison.advice import advice
from experiments.comparison.comparison import Comparison
from experiments.comparison.mixed_environments import mixed_environments
from experiments.comparison.table import table_content
from experiments.comparison.tracked_sweep import tracked_sweep
from experiments.comparison.wording import counted, outcomes_in_words, overrides
from experiments.config.leaves import leaves
from experiments.runs.folder import RunFolder
from experiments.store.uri import is_server
from experiments.untrusted import RefusedError, yaml_file


def as_html(comparison: Comparison, pictures: Mapping[str, Path]) -> str:
    """Fill the template; everything that is not the template's own is escaped.

    Args:
        comparison: what to show.
        pictures: PNG files by what they show; they become part of the page.
    """
    environment = Environment(
        loader=PackageLoader("experiments.comparison", ""), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    best, tracked = comparison.best, tracked_sweep(comparison)
    return environment.get_template("page.html.j2").render(
        sweep_id=comparison.folder.sweep_id,
        advice=advice(comparison),
        words=join(overrides(best.values)) if best is not None else "",
        context=_context(comparison),
        outcomes=outcomes_in_words(comparison),
        table=table_content(comparison),
        remark=mixed_environments(comparison.runs).remark,
        pictures={what: b64encode(path.read_bytes()).decode() for what, path in pictures.items()},
        unsuccessful=[run for run in comparison.runs if not run.completed],
        epochs={run.identity: counted(run.epochs, "epoch") for run in comparison.runs},
        link=tracked.link if tracked is not None else None,
        command=None
        if tracked is None or is_server(tracked.uri)
        else ui_command(comparison.folder.outputs_dir, tracked.uri),
    )


def _context(comparison: Comparison) -> list[str]:
    """What all runs have in common and a reader asks first: data, network, optimizer, epochs."""
    paths = [RunFolder(comparison.folder.outputs_dir, run.identity).config for run in comparison.runs]
    config = next(filter(None, map(_config, paths)), {})
    names = [f"{group}.name" for group in ("data", "model", "optimizer") if group not in comparison.levels]
    shared = [str(config[name]) for name in names if name in config]
    epochs = config.get("trainer.epochs")
    if type(epochs) is int and "trainer.epochs" not in comparison.levels:
        shared.append(counted(epochs, "epoch"))
    return shared


def _config(path: Path) -> dict[str, Any]:
    """A run's configuration by dotted key; empty where it is missing or damaged, as the page says more than that."""
    try:
        return leaves(yaml_file(path))
    except (FileNotFoundError, RefusedError):
        return {}
