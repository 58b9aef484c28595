"""The command line of `train`: Hydra composes the configuration and owns the flags.

What happens then is in `experiments.runs` and `experiments.sweeps`.
"""

import os
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from experiments.command_line import MISUSED, answered, carried_out, complain, say_if_default_store
from experiments.config.composition import register, typed_alone
from experiments.config.explanation import explain, is_composition_error
from experiments.config.foreign import refuse_what_would_be_carried_out
from experiments.config.places import CONF
from experiments.config.schema import Config
from experiments.interruption import INTERRUPTED, listening

PLUGINS = Path(__file__).resolve().parent / "plugins"
_MULTIRUN = ("-m", "--multirun")


def main() -> int:
    """Run the command line and return the exit code."""
    register()
    sys.path.append(str(PLUGINS))
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda word: word not in _MULTIRUN)  # argparse wants them before all else
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors in its own way and exits
    try:
        with listening():
            refuse_what_would_be_carried_out(sys.argv[1:])
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_task)()
    except KeyboardInterrupt:  # of a sweep
        return INTERRUPTED
    except Exception as error:  # an error of the program is raised again
        if is_composition_error(error) and not wants_traceback:
            return complain(explain(error, sys.argv[1:]), MISUSED)
        return answered(error)
    return 0


def _task(composed: DictConfig) -> None:
    config = typed_alone(composed)
    # An error that reached Hydra would be announced by it as well.
    if code := carried_out(lambda: _run(config)):
        sys.exit(code)


def _run(config: Config) -> None:
    say_if_default_store(config)
    # Only now what takes longer to import: --help and a refused configuration are answered at once.
    if config.dry_run:
        from experiments.sweeps.dry_run import print_plan, single  # noqa: PLC0415  # as below

        print_plan([single(config)])
    else:
        from experiments.runs.report import run_and_report  # noqa: PLC0415  # half a second

        run_and_report(config)
