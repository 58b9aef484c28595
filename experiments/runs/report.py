"""A single run on the command line: carry it out and say what came of it."""

from pathlib import Path

from experiments.command_line import ui_command
from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.runs.execute import RunResult, execute
from experiments.terminal import stdout
from experiments.tracking.process import publishing
from experiments.tracking.targets import shown_by


class DivergedRunError(UserError):
    """A single run that came to nothing: its command must not exit 0."""


def run_and_report(config: Config) -> None:
    """Carry out a run and print its closing lines.

    Raises:
        DivergedRunError: there is no trained network at the end.
    """
    with publishing(config.tracking.uri, Path(config.outputs_dir)):
        result = execute(config)
    stdout.print(closing_lines(config, result), markup=False, highlight=False)
    if result.outcome == "diverged":
        raise DivergedRunError("the run diverged; a smaller optimizer.lr may help")


def closing_lines(config: Config, result: RunResult) -> str:
    """Say how accurate the network is, where the run is, and how to open it."""
    final = result.final
    first = "no epoch was finished"
    if "test/accuracy" in final:
        first = f"test accuracy {final['test/accuracy']:.2%}"
        if final["best/test_accuracy"] != final["test/accuracy"]:
            first += f" (best {final['best/test_accuracy']:.2%}, epoch {final['best/epoch']:.0f})"
    if result.stopped_early:
        first += f"\nstopped early {result.stopped_early}"
    return f"{first}\nrun   {result.folder.path}{mlflow_run(result.folder.path, config)}\nopen  {open_command(config)}"


def mlflow_run(folder: Path, config: Config) -> str:
    """Say which MLflow run shows a folder, if one is known."""
    shown = shown_by(folder, config.tracking.uri, config.tracking.experiment)
    return f" (MLflow run {shown.run_id})" if shown is not None else ""


def open_command(config: Config) -> str:
    """The command that shows a run in MLflow's UI: it names what isn't where the UI would look for it."""
    return ui_command(Path(config.outputs_dir), config.tracking.uri)
