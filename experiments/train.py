"""`python -m experiments.train`: one run, or with -m or a `sweep=` preset one run per combination.

Hydra composes the configuration and owns the flags; what happens then is in `experiments.runs` and
`experiments.sweeps`.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import hydra
from omegaconf import DictConfig

from experiments.command_line import FAILED, INTERRUPTED, MISUSED
from experiments.config.composition import CONF, register, typed
from experiments.config.explanation import COMPOSITION_ERRORS, explain
from experiments.data.dataset import DataError
from experiments.runs.execute import RunResult, execute
from experiments.sweeps.sweep import SweepFailedError
from experiments.terminal import stderr, stdout

PLUGINS = Path(__file__).resolve().parent / "plugins"


class DivergedRunError(Exception):
    """A single run that came to nothing: its command must not exit 0."""


def main() -> int:
    """Run the command line and return the exit code."""
    register()
    sys.path.append(str(PLUGINS))
    signal.signal(signal.SIGTERM, _interrupt)
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors in its own way and exits
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_task)()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (SweepFailedError, DivergedRunError):
        return FAILED
    except DataError as error:
        return _complain(str(error), FAILED)
    except COMPOSITION_ERRORS as error:
        if wants_traceback:
            raise
        return _complain(explain(error, sys.argv[1:]), MISUSED)
    return 0


def _task(composed: DictConfig) -> None:
    result = execute(typed(composed))
    stdout.print(closing_lines(result), markup=False, highlight=False)
    if result.outcome == "diverged":
        raise DivergedRunError


def closing_lines(result: RunResult) -> str:
    """Say how accurate the network is, where the run is, and how to open it."""
    final = result.final
    if "test/accuracy" in final:
        first = f"test accuracy {final['test/accuracy']:.2%}"
        if final["best/test_accuracy"] != final["test/accuracy"]:
            first += f" (best {final['best/test_accuracy']:.2%}, epoch {final['best/epoch']:.0f})"
    else:
        first = "no epoch was finished"
    if result.outcome != "completed":
        first += f"; the run {result.outcome}"
    tracked = f" (MLflow run {result.run_id})" if result.run_id else ""
    return f"{first}\nrun   {result.folder.path}{tracked}\nopen  python -m experiments.ui"


def _complain(message: str, code: int) -> int:
    stderr.print(message, style="red", markup=False, highlight=False)
    return code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that the run is closed in order."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
